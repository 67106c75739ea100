// The page Requests: a table that grows by itself, and the request that is open beside it.

import { Problem } from "./api.js";
import { copyButton, el, fill, time } from "./dom.js";
import { ListBesideDetail } from "./shared.js";
import { RequestFilter } from "./request-filter.js";
import { kindOf, requestDetail, statusBadge } from "./request-detail.js";

/** @typedef {import("./app.js").Context} Context */
/** @typedef {import("./stream.js").MockEvent} MockEvent */
/** @typedef {{number: number, at: string, method: string, path: string, operation: string,
 *   status: number, taskId: string | null, scenarios: string[],
 *   warnings: {kind: string, text: string}[], message?: string, task_status?: string}} Item */

const COLUMNS = [["c-number", "#"], ["c-time", "Time"], ["c-operation", "Operation"], ["c-path", "Request"], ["c-status", "Status"], ["c-said", "Response"]];
const MOST = 20_000;
const EVENTS = 100_000;

/** @param {MockEvent} event @returns {Item} */
const itemOf = (event) => ({ ...event.data, at: event.at });

class RequestsPage {
  /** @param {HTMLElement} main @param {Context} context */
  constructor(main, context) {
    this.context = context;
    /** @type {Item[]} oldest first */
    this.all = [];
    this.filter = new RequestFilter(() => this.changed());
    this.asked = 0;
    this.openings = 0;
    /** @type {ListBesideDetail<Item>} */
    this.list = new ListBesideDetail({
      kind: "request", title: "Requests", rowHeight: 44, columns: COLUMNS,
      cells: (item) => this.cells(item),
      rowAttributes: (item) => ({ "data-kind": kindOf(item.status) }),
      open: (item) => this.open(item.number),
      close: () => this.close(),
      tell: (item) => context.say(`Request ${item.number}, ${item.operation}, ${item.status}`),
    });
    this.list.selected = Number(context.place.number) || 0;
    fill(main, el("h1", "Requests"), this.filter.view, this.list.node);
    addEventListener("popstate", () => this.restore());
  }

  // -- the filter ---------------------------------------------------------------------------

  async changed() {
    this.filter.found = new Set();
    history.replaceState(null, "", this.address(this.list.selected));
    this.apply();
    await this.search();
  }

  /** Ask the mock which requests have the text in their bodies. */
  async search() {
    const { text } = this.filter.values, asked = this.asked += 1;
    if (!text) {
      this.filter.found = new Set();
      return;
    }
    try {
      const { requests } = await this.context.api.get(`requests?text=${encodeURIComponent(text)}`);
      if (asked !== this.asked) return;
      this.filter.found = new Set(requests.map((/** @type {Item} */ one) => one.number));
      this.apply();
    } catch (error) {
      this.context.failed(error);
    }
  }

  /** @param {number} number @returns {string} */
  address(number) {
    const own = new URL(this.context.link("requests", ...(number ? [number] : [])), location.href);
    this.filter.write(own.searchParams);
    return own.pathname + own.search;
  }

  restore() {
    this.filter.read();
    this.apply();
    this.search();
    const number = Number(/requests\/(\d+)$/.exec(location.pathname)?.[1] ?? 0);
    if (number) this.show(number);
    else this.hide();
  }

  // -- the list -----------------------------------------------------------------------------

  async reload() {
    const { events } = await this.context.api.get(`events?limit=${EVENTS}`);
    const requests = events.filter((/** @type {MockEvent} */ one) => one.kind === "request");
    this.all = requests.map(itemOf);
    this.filter.learn(this.all);
    await this.search();
    this.apply();
    if (this.list.selected) await this.show(this.list.selected);
  }

  /** @param {MockEvent[]} list */
  events(list) {
    const own = list.filter((one) => one.kind === "request" && one.sandbox === this.context.sandbox);
    if (!own.length) return;
    const last = this.all.at(-1)?.number ?? 0;
    const added = own.map(itemOf).filter((one) => one.number > last);
    this.all.push(...added);
    this.filter.learn(added);
    if (this.all.length > MOST) this.all.splice(0, this.all.length - MOST);
    const matching = added.filter((one) => this.filter.matches(one)).reverse();
    this.draw(matching.concat(this.list.shown).slice(0, MOST), matching.length);
    if (this.filter.values.text) this.searchSoon();
  }

  /** What came meanwhile may have the text in its bodies. */
  searchSoon() {
    if (this.isSearching) return;
    this.isSearching = true;
    setTimeout(async () => {
      await this.search();
      this.isSearching = false;
    }, 1000);
  }

  apply() {
    this.draw(this.all.filter((one) => this.filter.matches(one)).reverse(), 0);
  }

  /** @param {Item[]} items @param {number} added how many of them came at the top */
  draw(items, added) {
    this.list.draw(items, added);
    this.filter.tell(items.length, this.all.length);
    if (!items.length) this.drawEmpty();
  }

  drawEmpty() {
    if (this.all.length) {
      fill(this.list.empty, el("p", `None of the ${this.all.length} requests matches.`),
        el("button", { class: "button", type: "button", onclick: () => this.filter.clear() }, "Clear the filter"));
      return;
    }
    const line = `curl -X POST ${location.origin}/api/v1/task/submit -H 'Authorization: Bearer any-key' `
      + "-H 'Content-Type: application/json' -d '{\"model\": \"nano-banana\", \"input\": {\"prompt\": \"a cat\"}}'";
    fill(this.list.empty, el("p", "No requests yet in this sandbox."),
      el("p", "Set the base URL of your app to ", el("code", location.origin),
        " and its key to any text: each key has a sandbox of its own. Or send one from a terminal:"),
      el("pre", { tabindex: "0", "aria-label": "A first request" }, el("code", line)),
      el("p", { class: "buttons" }, copyButton("Copy", line),
        el("a", { class: "button small", href: this.context.link("contract") }, "Or fill in a form")));
  }

  /** @param {Item} item @returns {HTMLElement[]} */
  cells(item) {
    const task = item.operation === "submit" && item.taskId ? `task ${item.taskId.slice(0, 8)}` : "";
    const said = item.message ?? item.task_status ?? task;
    return [
      el("span", { role: "cell", class: "c-number" }, item.number),
      el("span", { role: "cell", class: "c-time" }, time(item.at)),
      el("span", { role: "cell", class: "c-operation", title: item.operation }, item.operation.replace(" route", "")),
      el("span", { role: "cell", class: "c-path" },
        el("a", { href: this.address(item.number), tabindex: "-1", title: item.path }, `${item.method} ${item.path}`)),
      el("span", { role: "cell", class: "c-status" }, statusBadge(item.status)),
      el("span", { role: "cell", class: "c-said", title: said },
        item.warnings.length > 0 && el("span", { class: "flag", title: item.warnings.map((one) => one.text).join("\n") },
          item.warnings.map((one) => one.kind).join(", ")),
        item.scenarios.map((name) => el("span", { class: "badge" }, name)), said),
    ];
  }

  // -- the request that is open -------------------------------------------------------------

  /** @param {number} number */
  async open(number) {
    if (number === this.list.selected && this.list.detail.firstChild) return;
    const address = this.address(number);
    if (this.list.selected) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
    await this.show(number);
  }

  /** @param {number} number */
  async show(number) {
    const opening = this.openings += 1;
    this.list.mark(number);
    let made;
    try {
      const entry = await this.context.api.get(`requests/${number}`);
      made = requestDetail(entry, this.context, { close: () => this.close(), replay: (one) => this.replay(one.number) });
    } catch (error) {
      made = this.gone(number, error);
    }
    if (opening !== this.openings) return;
    fill(this.list.detail, el("a", { class: "back", href: this.address(0), onclick: (/** @type {Event} */ event) => {
      event.preventDefault();
      this.close();
    } }, "← All requests"), made);
  }

  /** @param {number} number @param {unknown} error */
  gone(number, error) {
    const text = error instanceof Problem && error.status === 404
      ? `Request ${number} is not in the journal of this sandbox: it keeps the latest ones (--journal-entries), and a reset empties it.`
      : String(error instanceof Problem ? error.msg : error);
    return el("div", { class: "card" }, el("p", text),
      el("button", { class: "button", type: "button", onclick: () => this.close() }, "Close"));
  }

  close() {
    history.pushState(null, "", this.address(0));
    this.hide();
    this.list.rows.focus();
  }

  hide() {
    this.openings += 1;
    this.list.mark(0);
    fill(this.list.detail);
  }

  /** @param {number} number */
  async replay(number) {
    const sent = await this.context.act("POST", `requests/${number}/replay`);
    if (!sent) return;
    this.context.say(`Sent again as request ${sent.number}; the response has the status ${sent.status}`);
    await this.open(sent.number);
    document.getElementById("detail-title")?.focus();
  }
}

/** @param {HTMLElement} main @param {Context} context */
export async function start(main, context) {
  const page = new RequestsPage(main, context);
  await page.reload();
  return { events: (/** @type {MockEvent[]} */ list) => page.events(list), reload: () => page.reload() };
}
