// The page Now: the tasks of the sandboxes as bars on one axis of time, around the moment.

import { Axis, SPANS } from "./axis.js";
import { copyButton, duration, el, fill, money, VirtualList } from "./dom.js";
import { bars, Lane, Row, told } from "./lane.js";

/** @typedef {import("./app.js").Context} Context */
/** @typedef {import("./app.js").Sandbox} Sandbox */
/** @typedef {import("./stream.js").MockEvent} MockEvent */

export const hearsAll = true;

const STATES = ["PENDING", "PROCESSING", "SUBMITTED", "SUCCESS", "FAILURE", "TIMEOUT", "CANCELLED"];
const ROW = 30;
/** Tasks that the axis is fitted to: the newest. */
const FITTED = 30;
/** The share of them whose ends are shown; a few may last much longer. */
const FEW_LONGER = 0.85;
/** Sandboxes that are shown together: those with the latest activity. */
const MOST_LANES = 20;
/** Milliseconds between two looks at what has changed. */
const PAUSE = 100, LONG_PAUSE = 1000;

/** @param {HTMLElement} main @param {Context} context */
export async function start(main, context) {
  const now = new Now(main, context);
  await now.reload();
  return now;
}

class Now {
  /** @param {HTMLElement} main @param {Context} context */
  constructor(main, context) {
    this.context = context;
    /** @type {Map<string, Lane>} */
    this.lanes = new Map();
    this.axis = new Axis();
    this.isFitted = true;
    this.showsAll = false;
    this.filter = "";
    /** @type {Set<string>} */
    this.states = new Set();
    this.isDue = this.isStale = false;
    this.counted = "";
    this.described = this.fittedAt = 0;
    this.shownNow = context.now();
    this.build(main);
    this.list = new VirtualList(this.rows, { rowHeight: ROW, row: (item) => this.row(item) });
    new ResizeObserver(() => this.resize()).observe(this.rows);
    this.reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
    requestAnimationFrame(() => this.tick());
  }

  // -- what does not change -----------------------------------------------------------------

  /** @param {HTMLElement} main */
  build(main) {
    this.counts = el("div", { class: "buttons", role: "group", "aria-label": "Only tasks in these states" });
    this.spent = el("span", { class: "muted" });
    this.warned = el("a", { hidden: true });
    this.all = el("button", {
      class: "button small", type: "button", "aria-pressed": "false", onclick: () => this.toggleAll(),
    });
    this.span = el("select", { "aria-label": "Length of time that is shown", onchange: () => this.chooseSpan() },
      el("option", { value: "fit" }, "Fit"),
      SPANS.map((span) => el("option", { value: span }, duration(span / 1000))));
    const tools = el("div", { class: "now-tools" },
      this.counts, this.warned, el("span", { class: "now-gap" }), this.all,
      el("input", {
        type: "search", placeholder: "Prompt, model or id", "aria-label": "Filter the tasks by prompt, model or id",
        oninput: (/** @type {any} */ event) => { this.filter = event.target.value.toLowerCase(); this.arrange(); },
      }),
      el("span", { class: "choice" },
        this.mover("◀", "Earlier", () => this.move(-1)),
        this.mover("Now", "Now, back to the moment", () => this.fitAgain()),
        this.mover("▶", "Later", () => this.move(1))), this.span);
    this.ticks = el("div", { class: "ticks", "aria-hidden": "true" });
    this.moment = el("div", { class: "moment", "aria-hidden": "true" }, el("span"));
    this.rows = el("div", { class: "lanes", role: "list", "aria-label": "Tasks, newest first",
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.key(event),
      onmouseover: (/** @type {any} */ event) => this.tell(event.target.closest(".lane-row")),
      onfocusin: (/** @type {any} */ event) => this.tell(event.target.closest(".lane-row")),
      onmouseleave: () => this.tell(null), onfocusout: () => this.tell(null) });
    this.tip = el("div", { class: "tip card", role: "tooltip", hidden: true });
    this.empty = el("div", { class: "empty card", hidden: true });
    this.chart = el("div", { class: "chart card" },
      el("div", { class: "axis" }, el("span", { class: "lane-name muted" }, "Task"), el("div", { class: "axis-bars" }, this.ticks)),
      this.rows, el("div", { class: "over" }, el("div", { class: "to-come" }), this.moment));
    fill(main, el("h1", { class: "unseen" }, "Now"), tools, this.chart, this.empty, this.tip,
      el("p", { class: "legend muted", "aria-hidden": "true" },
        el("i", { class: "mark delivered" }), "webhook delivered", el("i", { class: "mark failed" }), "failed",
        el("i", { class: "mark planned" }), "planned; right of the line is to come",
        el("span", { class: "now-gap" }), this.spent));
  }

  /** @param {string} text @param {string} label @param {() => void} onclick */
  mover(text, label, onclick) {
    return el("button", { class: "button small", type: "button", "aria-label": label, title: label, onclick }, text);
  }

  // -- data -------------------------------------------------------------------------------------

  reload = async () => {
    this.describe(await this.context.readSandboxes());
    await Promise.all([this.readWarnings(), ...[...this.lanes.values()].map((lane) => lane.read())]);
    this.arrange();
  };

  /** Say that the app does something wrong; the page Contract says what. */
  async readWarnings() {
    const { warnings } = await this.context.api.get("warnings");
    this.warned.hidden = warnings.length === 0;
    /** @type {HTMLAnchorElement} */ (this.warned).href = this.context.link("contract");
    fill(this.warned, `Contract warnings: ${warnings.length}`);
  }

  /** @param {Sandbox[]} sandboxes */
  describe(sandboxes) {
    const chosen = sandboxes.filter((one) => one.id === this.context.sandbox);
    const others = sandboxes.filter((one) => one.id !== this.context.sandbox && one.last_event)
      .sort((a, b) => (b.last_event ?? 0) - (a.last_event ?? 0));
    fill(this.all, `All sandboxes (${chosen.length + others.length})`);
    this.all.hidden = others.length === 0;
    this.others = others.length;
    const shown = [...chosen, ...(this.showsAll ? others.slice(0, MOST_LANES - 1) : [])];
    const before = this.lanes;
    this.lanes = new Map(shown.map((one) => [one.id, before.get(one.id) ?? new Lane(one, this.context)]));
    for (const one of shown) this.lanes.get(one.id)?.describe(one);
    const { spent_usd: spent } = chosen[0] ?? { spent_usd: "0" };
    fill(this.spent, `${money(spent)} spent`);
  }

  toggleAll() {
    this.showsAll = !this.showsAll;
    this.all.setAttribute("aria-pressed", String(this.showsAll));
    this.reload().catch(this.context.failed);
  }

  /** @param {MockEvent[]} list */
  events = (list) => {
    for (const event of list) {
      if (this.lanes.get(event.sandbox)?.hear(event)) this.isStale = true;
    }
    if (list.some((event) => event.kind === "warning" || event.data.warnings?.length)) this.readWarnings().catch(this.context.failed);
    this.ask();
  };

  /** Read and show what has changed, soon but not often. */
  ask() {
    if (this.isDue) return;
    this.isDue = true;
    setTimeout(() => this.refresh().catch(this.context.failed), PAUSE);
  }

  async refresh() {
    this.isDue = false;
    const changed = await Promise.all([...this.lanes.values()].map((lane) => lane.readChanged()));
    if (this.isStale || changed.includes(true)) this.arrange();
    this.isStale = false;
    const moment = performance.now();
    if (moment - this.described < LONG_PAUSE) return;
    this.described = moment;
    this.describe(await this.context.readSandboxes());
  }

  // -- which rows there are ---------------------------------------------------------------------

  arrange() {
    /** @type {(Row | Lane)[]} */
    const items = [];
    /** @type {Map<string, number>} */
    const counts = new Map();
    for (const lane of this.lanes.values()) {
      if (this.lanes.size > 1) items.push(lane);
      for (const row of [...lane.rows.values()].reverse()) {
        counts.set(row.status, (counts.get(row.status) ?? 0) + 1);
        if (this.isShown(row)) items.push(row);
      }
    }
    this.items = items;
    this.showCounts(counts);
    this.showEmpty(counts.size > 0);
    if (this.isFitted) this.fit();
    this.list.set(items);
    this.wake();
  }

  /** @param {Row} row */
  isShown(row) {
    return (!this.states.size || this.states.has(row.status)) && row.text.includes(this.filter);
  }

  /** @param {Map<string, number>} counts */
  showCounts(counts) {
    const text = JSON.stringify([...counts, ...this.states]);
    if (text === this.counted) return;
    this.counted = text;
    const focused = document.activeElement?.closest(".state")?.getAttribute("data-status");
    fill(this.counts, STATES.filter((one) => counts.has(one) || this.states.has(one)).map((status) => el(
      "button", {
        class: "button small state", type: "button", "data-status": status,
        "aria-pressed": String(this.states.has(status)), onclick: () => this.toggleState(status),
      }, el("i", { class: "swatch" }), `${status} ${counts.get(status) ?? 0}`,
    )));
    if (focused) this.counts.querySelector(`[data-status="${focused}"]`)?.focus();
  }

  /** @param {string} status */
  toggleState(status) {
    if (!this.states.delete(status)) this.states.add(status);
    this.arrange();
  }

  /** @param {boolean} hasTasks */
  showEmpty(hasTasks) {
    this.chart.hidden = !hasTasks;
    this.empty.hidden = hasTasks;
    if (hasTasks || this.empty.firstChild) return;
    const command = `curl -X POST ${location.origin}/api/v1/task/submit -H 'Authorization: Bearer my-key' `
      + `-H 'Content-Type: application/json' `
      + `-d '{"model": "gpt-image-2/text-to-image", "input": {"prompt": "a cat"}}'`;
    fill(this.empty, el("h2", "No tasks in this sandbox yet"),
      el("p", "Point your app at ", el("code", location.origin), " as its base URL; each API key has a sandbox of its own. What it submits appears here by itself. Or try it:"),
      el("pre", el("code", command)), el("p", copyButton("Copy the command", command)),
      this.others ? el("p", "There are other sandboxes: choose one at the top, or see them all.") : null);
  }

  // -- where it is ------------------------------------------------------------------------------

  fit() {
    const rows = /** @type {Row[]} */ ((this.items ?? []).filter((one) => one instanceof Row).slice(0, FITTED));
    const before = this.place;
    if (rows.length) {
      const ends = rows.map((one) => one.ends - one.lane.now()).sort((a, b) => a - b);
      const most = ends[Math.ceil(ends.length * FEW_LONGER) - 1];
      this.axis.fit(Math.min(...rows.map((one) => one.began - one.lane.now())), most);
    }
    if (before !== this.place) this.rescale();
  }

  /** What the axis shows, to see whether it has changed. */
  get place() {
    return `${this.axis.span} ${this.axis.past} ${Math.round(this.axis.pan)}`;
  }

  fitAgain() {
    this.axis.pan = 0;
    if (this.isFitted) this.fit();
    this.rescale();
  }

  chooseSpan() {
    this.isFitted = this.span.value === "fit";
    if (this.isFitted) this.fit();
    else [this.axis.span, this.axis.pan] = [Number(this.span.value), 0];
    this.rescale();
  }

  /** @param {1 | -1} direction */
  move(direction) {
    this.holdSpan();
    this.axis.pan += direction * this.axis.span / 3;
    this.rescale();
  }

  holdSpan() {
    this.isFitted = false;
    this.span.value = String(this.axis.span);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "ArrowLeft") this.move(-1);
    else if (event.key === "ArrowRight") this.move(1);
    else if (event.key === "+" || event.key === "-") {
      this.axis.zoom(event.key === "+" ? -1 : 1);
      this.holdSpan();
      this.rescale();
    } else return;
    event.preventDefault();
  }

  resize() {
    const cell = this.chart.querySelector(".axis-bars"), scrollbar = this.rows.offsetWidth - this.rows.clientWidth;
    this.chart.style.setProperty("--scrollbar", `${scrollbar}px`);
    if (!cell.clientWidth || cell.clientWidth === this.axis.width) return;
    this.axis.width = cell.clientWidth;
    if (this.isFitted) this.fit();
    this.rescale();
  }

  rescale() {
    this.axis.draw(this.ticks);
    this.list.redraw();
    this.wake();
  }

  // -- what moves -------------------------------------------------------------------------------

  wake() {
    this.isSettled = false;
  }

  /** Draw a frame, if anything moves. */
  tick() {
    const target = this.context.now(), gap = target - this.shownNow;
    const isSmooth = Math.abs(gap) * this.axis.scale > 2 && !this.reducedMotion.matches;
    const next = isSmooth && Math.abs(gap) < 3 * this.axis.span ? this.shownNow + gap * 0.25 : target;
    if (next !== this.shownNow || !this.isSettled) {
      this.lag = target - next;
      this.shownNow = next;
      this.isSettled = true;
      this.draw();
    }
    requestAnimationFrame(() => this.tick());
  }

  draw() {
    for (const [item, node] of this.list.rows) {
      if (item instanceof Row) this.shift(item, node);
    }
    const x = this.axis.x(0), isSeen = x >= 0 && x <= this.axis.width;
    this.moment.style.setProperty("transform", `translateX(${Math.min(Math.max(x, 0), this.axis.width)}px)`);
    this.moment.classList.toggle("is-left", x > this.axis.width / 2);
    const clock = new Date(this.context.now()).toISOString().slice(11, 19);
    const away = duration(Math.abs(this.axis.pan) / 1000);
    const text = isSeen ? clock : x < 0 ? `◀ now, ${away} before` : `now, ${away} later ▶`;
    const label = this.moment.firstChild;
    if (label.textContent !== text) label.textContent = text;
    const veil = this.chart.querySelector(".to-come");
    veil.style.setProperty("left", `${Math.min(Math.max(x, 0), this.axis.width)}px`);
    const second = Math.floor(performance.now() / 1000);
    if (this.isFitted && second !== this.fittedAt) {
      this.fittedAt = second;
      this.fit();
    }
  }

  /** @param {Row} row @param {HTMLElement} node */
  shift(row, node) {
    const layer = /** @type {HTMLElement} */ (node.querySelector(".lane-layer"));
    const x = this.axis.x(row.began - row.lane.now() + (this.lag ?? 0));
    layer.style.setProperty("transform", `translateX(${x.toFixed(1)}px)`);
  }

  /** @param {Row | Lane} item */
  row(item) {
    if (item instanceof Lane) return this.header(item);
    const { task } = item;
    const node = el("div", { class: "lane-row", role: "listitem" },
      el("a", { class: "lane-name", href: this.linkTo(item) },
        el("i", { class: "swatch", "data-status": item.status }),
        el("span", { class: "lane-text" }, task.prompt || task.taskId),
        el("span", { class: "unseen" }, `, ${task.model}, ${item.status}, ${item.webhook}`)),
      el("div", { class: "lane-bars", onclick: () => this.context.go(this.linkTo(item)) },
        el("div", { class: "lane-layer" }, bars(item, this.axis.scale))));
    this.shift(item, node);
    return node;
  }

  /** @param {Row} row */
  linkTo(row) {
    const address = new URL(this.context.link("task", row.task.taskId), location.href);
    address.searchParams.set("sandbox", row.lane.api.sandbox);
    return address.pathname + address.search;
  }

  /** @param {Lane} lane */
  header(lane) {
    const clock = lane.sandbox?.clock;
    return el("div", { class: "lane-header", role: "listitem" },
      el("a", { href: `/__mock/?sandbox=${encodeURIComponent(lane.api.sandbox)}` }, lane.name),
      el("span", { class: "muted" }, ` ${lane.rows.size} tasks · ${money(lane.sandbox?.spent_usd)} · `
        + (clock?.frozen ? "clock stands still" : `clock runs ×${clock?.speed}`)));
  }

  // -- what is told -----------------------------------------------------------------------------

  /** @param {HTMLElement | null} node */
  tell(node) {
    const row = node && this.items?.[Number(node.dataset.index)];
    if (!node || !(row instanceof Row)) {
      this.tip.hidden = true;
      return;
    }
    fill(this.tip, told(row, row.lane.now()));
    this.tip.hidden = false;
    const place = node.getBoundingClientRect(), own = this.tip.getBoundingClientRect();
    const isBelow = place.bottom + own.height + 12 < innerHeight;
    this.tip.style.setProperty("top", `${isBelow ? place.bottom + 6 : Math.max(4, place.top - own.height - 6)}px`);
    this.tip.style.setProperty("left", `${Math.max(4, Math.min(place.left + 40, innerWidth - own.width - 8))}px`);
  }
}
