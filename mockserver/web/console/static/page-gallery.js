// The page Gallery: the results of the tasks that have succeeded, the latest first.

import { el, fill, money, VirtualList } from "./dom.js";
import { expiry, fileFigure } from "./result-files.js";
import { catchingUp } from "./shared.js";

/** @typedef {import("./app.js").Context} Context */
/** @typedef {import("./stream.js").MockEvent} MockEvent */
/** @typedef {import("./result-files.js").Files} Files */
/** @typedef {{taskId: string, input: any, result: {urls: string[]}, cost_usd: string | null,
 *   scenarios: string[], files: Files}} Result */

const ROW = 388;
const WIDTH = 270;
const FIRST = 200;
const MOST = 10_000;
const SHOWN = 4;
const KEPT = 400;
const PAUSE = 700;
const LONG = 300;

class GalleryPage {
  /** @param {HTMLElement} main @param {Context} context */
  constructor(main, context) {
    this.context = context;
    this.catchUp = catchingUp(() => this.reload(), PAUSE, context.failed);
    this.limit = FIRST;
    this.total = 0;
    /** @type {Result[]} */
    this.all = [];
    /** @type {Map<string, {text: string, node: HTMLElement}>} cards are moved, not made again: a picture would be loaded again */
    this.cards = new Map();
    /** @type {Result[][]} */
    this.grid = [];
    this.model = el("select", { id: "gallery-model", onchange: () => this.draw() });
    this.count = el("span", { class: "muted count", role: "status" });
    this.bar = el("div", { class: "gallery-bar" }, el("div", { class: "field" },
      el("label", { for: "gallery-model" }, "Model"), this.model), this.count);
    this.rows = el("div", { class: "gallery-rows", role: "group", "aria-label": "Results, the latest first" });
    this.none = el("div", { class: "card empty" });
    fill(main, el("h1", "Gallery"), this.bar, this.rows, this.none);
    this.list = new VirtualList(this.rows, { rowHeight: ROW, row: (/** @type {Result[]} */ row) => this.row(row) });
    this.rows.addEventListener("scroll", () => this.more(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(this.rows);
  }

  async reload() {
    const { results, total } = await this.context.api.get(`results?limit=${this.limit}`);
    this.all = results;
    this.total = total;
    this.draw();
  }

  /** @param {MockEvent[]} list */
  events(list) {
    const shows = list.some((one) => one.sandbox === this.context.sandbox
      && (one.kind === "results-expire" || one.kind === "settings" || (one.kind === "status" && one.data.status === "SUCCESS")));
    if (shows) this.catchUp();
  }

  /** Read older ones once the end is near. */
  more() {
    const left = this.rows.scrollHeight - this.rows.scrollTop - this.rows.clientHeight;
    if (left > 2 * ROW || this.all.length >= this.total || this.limit >= MOST) return;
    this.limit = Math.min(MOST, this.all.length + 2 * FIRST);
    this.catchUp();
  }

  draw() {
    const chosen = this.model.value, models = [...new Set(this.all.map((one) => one.input.model))].sort();
    if (this.model.dataset.names !== models.join("\n")) {
      this.model.dataset.names = models.join("\n");
      fill(this.model, el("option", { value: "" }, "all"), models.map((name) => el("option", { value: name }, name)));
      this.model.value = models.includes(chosen) ? chosen : "";
    }
    const shown = this.all.filter((one) => !this.model.value || one.input.model === this.model.value);
    this.rows.hidden = !shown.length;
    this.bar.hidden = !shown.length;
    this.none.hidden = shown.length > 0;
    fill(this.count, this.counted(shown.length));
    const columns = Math.max(1, Math.floor((this.rows.clientWidth + 12) / (WIDTH + 12)));
    this.rows.style.setProperty("--columns", String(columns));
    this.grid = this.chunked(shown, columns);
    this.list.set(this.grid);
    if (!shown.length) this.drawNone();
  }

  /** @param {number} shown */
  counted(shown) {
    if (this.model.value) return `${shown} of the latest ${this.all.length} tasks`;
    const total = `${this.total} task${this.total === 1 ? "" : "s"} with results`;
    return shown < this.total ? `the latest ${shown} of ${total}` : total;
  }

  /** Rows of cards; a row that shows the same as before is the same object. @param {Result[]} shown @param {number} columns */
  chunked(shown, columns) {
    const before = this.grid, texts = new Map(before.map((row) => [JSON.stringify(row), row]));
    /** @type {Result[][]} */
    const rows = [];
    for (let at = 0; at < shown.length; at += columns) {
      const row = shown.slice(at, at + columns);
      rows.push(texts.get(JSON.stringify(row)) ?? row);
    }
    return rows;
  }

  drawNone() {
    fill(this.none, el("p", "No task of this sandbox has succeeded yet."),
      el("p", "When one does, its pictures or videos appear here. If the clock stands still, move it: the band above can. ",
        el("a", { href: this.context.link("now") }, "What the tasks are doing"), "."));
  }

  /** @param {Result[]} results @returns {HTMLElement} */
  row(results) {
    return el("div", { class: "gallery-row" }, results.map((one) => this.card(one)));
  }

  /** @param {Result} one */
  card(one) {
    const text = JSON.stringify(one), kept = this.cards.get(one.taskId);
    if (kept?.text === text) return kept.node;
    const node = this.made(one);
    this.cards.set(one.taskId, { text, node });
    if (this.cards.size > KEPT) this.cards.delete([...this.cards.keys()][0]);
    return node;
  }

  /** @param {Result} one @returns {HTMLElement} */
  made(one) {
    const { files, input } = one, href = this.context.link("task", one.taskId);
    const prompt = String(input.prompt).slice(0, LONG);
    const count = Math.min(files.count, SHOWN), rest = files.count - count;
    const figures = Array.from({ length: count }, (_, index) => fileFigure(one.taskId, index, files, this.context));
    return el("article", { class: "card result", "data-task": one.taskId, "aria-label": `Task ${one.taskId}` },
      el("div", { class: "pictures", "data-count": String(count) }, figures),
      el("p", { class: "result-prompt", title: prompt }, el("a", { href }, prompt)),
      el("p", { class: "result-facts" },
        el("span", { class: "mono" }, input.model), el("span", files.ratio ? `${files.ratio} at ${files.resolution}` : ""),
        files.type === "video" && input.duration && el("span", `${input.duration} s`),
        rest > 0 && el("a", { href }, `and ${rest} more`), el("span", one.cost_usd === null ? "" : money(one.cost_usd)),
        expiry(files), one.scenarios.map((name) => el("span", { class: "badge" }, name))));
  }
}

/** @param {HTMLElement} main @param {Context} context */
export async function start(main, context) {
  const page = new GalleryPage(main, context);
  await page.reload();
  return { events: (/** @type {MockEvent[]} */ list) => page.events(list), reload: () => page.reload() };
}
