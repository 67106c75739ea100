// The page Webhooks: attempts by receiver, each beside the poll, and the receivers of the mock.

import { attemptDetail, differsFlag, outcomeBadge, titleOf } from "./attempt.js";
import { duration, el, fill, time } from "./dom.js";
import { InboxPanel } from "./inbox-panel.js";
import { catchingUp, ListBesideDetail } from "./shared.js";

/** @typedef {import("./app.js").Context} Context */
/** @typedef {import("./stream.js").MockEvent} MockEvent */
/** @typedef {import("./attempt.js").Attempt} Attempt */

const MOST = 20_000;
const PAUSE = 300;
const COLUMNS = [["c-number", "#"], ["c-time", "Time"], ["c-outcome", "Outcome"], ["c-url", "Receiver"], ["c-task", "Task"], ["c-more", "Attempt"]];
const NAMES = /** @type {const} */ (["text", "outcome", "receiver"]);
const OUTCOMES = [["", "any"], ["delivered", "delivered"], ["failed", "failed"], ["differs", "differs from a poll"], ["resent", "sent again"]];

/** A receiver is known by its URL without the query. @param {Attempt} one */
const receiverOf = (one) => one.url.split(/[?#]/)[0];

/** @param {Attempt} one @param {Record<string, string>} filter */
function matches(one, filter) {
  const isSo = /** @type {Record<string, boolean>} */ ({
    "": true, delivered: one.delivered, failed: !one.delivered, resent: one.resent,
    differs: Boolean(one.differences?.length),
  })[filter.outcome] ?? true;
  if (!isSo || (filter.receiver && receiverOf(one) !== filter.receiver)) return false;
  const words = [one.url, one.taskId, one.error, one.failure, one.status, ...one.scenarios];
  return words.join(" ").toLowerCase().includes(filter.text.toLowerCase());
}

/** The next try of each task that has one. @param {Attempt[]} attempts @returns {Map<string, Attempt>} */
function waiting(attempts) {
  /** @type {Map<string, Attempt>} */
  const last = new Map();
  for (const one of attempts) if (!one.resent) last.set(one.taskId, one);
  return new Map([...last].filter(([, one]) => one.next_at !== null));
}

class WebhooksPage {
  /** @param {HTMLElement} main @param {Context} context */
  constructor(main, context) {
    this.context = context;
    this.catchUp = catchingUp(() => this.readNew(), PAUSE, context.failed);
    /** @type {Attempt[]} oldest first */
    this.all = [];
    const query = new URLSearchParams(location.search);
    /** @type {Record<string, string>} */
    this.filter = Object.fromEntries(NAMES.map((name) => [name, query.get(name) ?? ""]));
    this.fields = this.makeFields();
    this.count = el("span", { class: "muted count", role: "status" });
    this.receivers = el("section", { class: "card receivers", "aria-label": "Receivers" });
    /** @type {ListBesideDetail<Attempt>} */
    this.list = new ListBesideDetail({
      kind: "webhook", title: "Attempts", rowHeight: 46, columns: COLUMNS,
      cells: (one) => this.cells(one),
      open: (one) => this.show(one.number),
      close: () => this.close(),
      tell: (one) => context.say(`${titleOf(one)} to ${one.url}: ${one.delivered ? "delivered" : one.error}`),
    });
    this.list.selected = Number(query.get("attempt")) || 0;
    this.bar = el("form", { class: "filter", role: "search", onsubmit: (/** @type {Event} */ event) => event.preventDefault() },
      [["text", "Text"], ["outcome", "Outcome"], ["receiver", "Receiver"]].map(([name, label]) => el("div", { class: `field filter-${name}` },
        el("label", { for: `filter-${name}` }, label), this.fields[name])), this.count);
    this.inboxes = new InboxPanel(context);
    fill(main, el("h1", "Webhooks"), this.receivers, this.bar, this.list.node, this.inboxes.node);
  }

  /** @returns {Record<string, any>} */
  makeFields() {
    const change = () => {
      for (const name of NAMES) this.filter[name] = this.fields[name].value.trim();
      this.keepAddress();
      this.draw();
    };
    return {
      text: el("input", { id: "filter-text", type: "search", placeholder: "task, URL, error, scenario …", value: this.filter.text, oninput: change }),
      outcome: el("select", { id: "filter-outcome", onchange: change },
        OUTCOMES.map(([value, name]) => el("option", { value, selected: value === this.filter.outcome }, name))),
      receiver: el("select", { id: "filter-receiver", onchange: change }),
    };
  }

  /** @param {number} [number] @returns {string} */
  address(number) {
    const own = new URL(this.context.link("webhooks"), location.href);
    if (number) own.searchParams.set("attempt", String(number));
    for (const name of NAMES) if (this.filter[name]) own.searchParams.set(name, this.filter[name]);
    return own.pathname + own.search;
  }

  keepAddress() {
    history.replaceState(null, "", this.address(this.list.selected));
  }

  // -- what is known --------------------------------------------------------------------------

  async reload() {
    const { deliveries } = await this.context.api.get("deliveries");
    this.all = deliveries;
    await this.inboxes.reload();
    this.draw();
    if (this.list.selected) this.show(this.list.selected);
  }

  /** @param {MockEvent[]} list */
  events(list) {
    const own = list.filter((one) => one.sandbox === this.context.sandbox);
    if (own.some((one) => one.kind === "webhook")) this.catchUp();
    else if (own.some((one) => one.kind === "clock")) this.drawReceivers();
  }

  /** Read the attempts since the last one that is known; a burst of them is read at once. */
  async readNew() {
    const { deliveries } = await this.context.api.get(`deliveries?since=${this.all.at(-1)?.number ?? 0}`);
    this.all.push(...deliveries);
    if (this.all.length > MOST) this.all.splice(0, this.all.length - MOST);
    this.draw(deliveries.filter((/** @type {Attempt} */ one) => matches(one, this.filter)).length);
    if (deliveries.some((/** @type {Attempt} */ one) => one.url.includes("/__mock/inbox/"))) this.inboxes.catchUp();
  }

  // -- the list -------------------------------------------------------------------------------

  /** @param {number} [added] how many of what is shown came at the top */
  draw(added = 0) {
    const shown = this.all.filter((one) => matches(one, this.filter)).reverse();
    const all = this.all.length, count = shown.length;
    this.bar.hidden = !all;
    this.list.draw(shown, added);
    fill(this.count, count === all ? `${all} attempt${all === 1 ? "" : "s"}` : `${count} of ${all} attempts`);
    this.drawReceivers();
    this.drawChoices();
    if (!count) this.drawNone();
  }

  drawChoices() {
    const found = [...new Set([...this.all.map(receiverOf), ...(this.filter.receiver ? [this.filter.receiver] : [])])].sort();
    const names = found.join("\n"), field = this.fields.receiver;
    if (field.dataset.names !== names) {
      field.dataset.names = names;
      fill(field, el("option", { value: "" }, "any"), found.map((url) => el("option", { value: url }, url)));
    }
    field.value = this.filter.receiver;
  }

  drawNone() {
    if (this.all.length) {
      fill(this.list.empty, el("p", `None of the ${this.all.length} attempts matches.`), el("button", {
        class: "button", type: "button", onclick: () => {
          for (const name of NAMES) this.fields[name].value = this.filter[name] = "";
          this.keepAddress();
          this.draw();
        },
      }, "Clear the filter"));
      return;
    }
    fill(this.list.empty, el("p", "No webhook was sent in this sandbox yet."),
      el("p", "A task sends one when it ends, if it was submitted with a ", el("code", "callBackUrl"),
        ". If tasks have ended and there is none, look at their requests: was a ", el("code", "callBackUrl"), " sent?"),
      el("p", "No receiver yet? Use one of this mock, below."));
  }

  drawReceivers() {
    this.receivers.hidden = !this.all.length;
    const groups = grouped(this.all);
    const next = waiting(this.all), now = this.context.now();
    const rows = [...groups].sort(([, a], [, b]) => (b.at(-1)?.number ?? 0) - (a.at(-1)?.number ?? 0)).map(([url, list]) => {
      const last = /** @type {Attempt} */ (list.at(-1)), failed = list.filter((one) => !one.delivered).length;
      const differing = list.filter((one) => one.differences?.length).length;
      const due = list.filter((one) => next.get(one.taskId) === one).map((one) => String(one.next_at)).sort();
      const took = list.filter((one) => one.status !== null).map((one) => one.latency_ms).sort((a, b) => a - b);
      const isChosen = this.filter.receiver === url;
      return el("tr", el("th", { scope: "row" }, el("button", {
        class: "receiver", type: "button", "aria-pressed": String(isChosen), "data-key": url, title: isChosen ? "Show all receivers" : "Show only this receiver",
        onclick: () => {
          this.fields.receiver.value = this.filter.receiver = isChosen ? "" : url;
          this.keepAddress();
          this.draw();
        },
      }, url)),
      number("attempts", list.length), number("failed", failed, failed > 0), number("differing", differing, differing > 0),
      el("td", { "data-name": "typical latency" }, took.length ? duration(took[Math.floor(took.length / 2)] / 1000) : "–"),
      el("td", { "data-name": "last" }, outcomeBadge(last)),
      el("td", { "data-name": "next try" }, due.length ? [`in ${duration(Math.max(0, (Date.parse(due[0]) - now) / 1000))}`, due.length > 1 && `, ${due.length} waiting`] : "–"));
    });
    const focused = /** @type {any} */ (document.activeElement)?.dataset?.key, had = this.receivers.contains(document.activeElement);
    fill(this.receivers, el("table", { class: "table" }, el("caption", { class: "unseen" }, "Receivers"),
      el("thead", el("tr", ["Receiver", "Attempts", "Failed", "Differing", "Latency", "Last", "Next try"].map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", rows)));
    if (had) [...this.receivers.querySelectorAll("button")].find((one) => one.dataset.key === focused)?.focus();
  }

  /** @param {Attempt} one @returns {HTMLElement[]} */
  cells(one) {
    return [
      el("span", { role: "cell", class: "c-number" }, one.number),
      el("span", { role: "cell", class: "c-time" }, time(one.at)),
      el("span", { role: "cell", class: "c-outcome" }, outcomeBadge(one)),
      el("span", { role: "cell", class: "c-url" }, el("a", { href: this.address(one.number), tabindex: "-1", title: one.url }, one.url)),
      el("span", { role: "cell", class: "c-task mono", title: one.taskId }, one.taskId.slice(0, 8)),
      el("span", { role: "cell", class: "c-more" }, `${titleOf(one)} `, differsFlag(one),
        one.next_at && el("span", { class: "muted" }, " next try ", time(one.next_at), " "),
        one.scenarios.map((name) => el("span", { class: "badge" }, name))),
    ];
  }

  // -- the attempt that is open ---------------------------------------------------------------

  /** @param {number} number */
  show(number) {
    this.mark(number);
    const one = this.all.find((each) => each.number === number);
    const title = el("h2", { id: "detail-title", tabindex: "-1" }, one ? [`${titleOf(one)} `, outcomeBadge(one)] : `Attempt ${number}`);
    const close = el("button", { class: "button small", type: "button", onclick: () => this.close() }, "Close");
    fill(this.list.detail, el("article", { class: "card", "aria-labelledby": "detail-title" },
      el("div", { class: "detail-title" }, title, close),
      one ? [el("p", "of ", el("a", { href: this.context.link("task", one.taskId) }, `task ${one.taskId}`)), attemptDetail(one, this.context)]
        : el("p", "It is not in the journal of this sandbox: that keeps the latest ones (--journal-entries), and a reset empties it.")));
  }

  /** @param {number} number */
  mark(number) {
    this.list.mark(number);
    this.keepAddress();
  }

  close() {
    this.mark(0);
    fill(this.list.detail);
    this.list.rows.focus();
  }
}

/** @param {Attempt[]} all @returns {Map<string, Attempt[]>} */
function grouped(all) {
  /** @type {Map<string, Attempt[]>} */
  const groups = new Map();
  for (const one of all) {
    const list = groups.get(receiverOf(one));
    if (list) list.push(one);
    else groups.set(receiverOf(one), [one]);
  }
  return groups;
}

/** @param {string} name @param {number} count @param {boolean} [isBad] */
function number(name, count, isBad) {
  return el("td", { "data-name": name, class: isBad ? "problem" : null }, count);
}

/** @param {HTMLElement} main @param {Context} context */
export async function start(main, context) {
  const page = new WebhooksPage(main, context);
  await page.reload();
  return { events: (/** @type {MockEvent[]} */ list) => page.events(list), reload: () => page.reload() };
}
