// The receivers of the mock: their URLs, how they respond, and what came to them.

import { copyButton, duration, el, fill, json, time } from "./dom.js";
import { catchingUp } from "./shared.js";

/** @typedef {import("./app.js").Context} Context */
/** @typedef {{name: string, received: number, last_at: string | null,
 *   response: {status: number, delay: number, times: number | null}}} Inbox */
/** @typedef {{number: number, at: string, method: string, query: string,
 *   headers: Record<string, string>, body: any, taskId: string | null, status: number,
 *   delay: number}} Received */

const STATUSES = [200, 204, 400, 401, 404, 410, 429, 500, 502, 503];
const DELAYS = [[0, "at once"], [1, "after 1 s"], [5, "after 5 s"], [15, "after 15 s"], [60, "after 1 min"]];
const TIMES = [["", "always"], ["1", "next 1"], ["2", "next 2"], ["3", "next 3"], ["5", "next 5"], ["10", "next 10"]];
const PAUSE = 1000;
const NAME = "[A-Za-z0-9][A-Za-z0-9._\\-]{0,63}";

/** @param {string} name */
const urlOf = (name) => `${location.origin}/__mock/inbox/${name}`;

/** How an inbox responds, in words. @param {Inbox["response"]} response */
function responds({ status, delay, times }) {
  const when = delay ? ` after ${duration(delay)}` : "";
  return `${status}${when}${times === null ? "" : `, ${times} more time${times === 1 ? "" : "s"}`}`;
}

/** @param {string} id @param {any[][]} pairs */
function choice(id, pairs) {
  return el("select", { id }, pairs.map(([value, label]) => el("option", { value }, label ?? value)));
}

export class InboxPanel {
  /** @param {Context} context */
  constructor(context) {
    this.context = context;
    this.catchUp = catchingUp(() => this.reload(), PAUSE, context.failed);
    /** @type {Inbox[]} */
    this.inboxes = [];
    this.selected = "";
    this.name = el("input", {
      id: "inbox-name", value: "app", maxlength: "64", pattern: NAME, required: true,
      autocomplete: "off", spellcheck: "false", oninput: () => this.named(),
      onchange: () => this.open(this.name.value),
    });
    this.url = el("code");
    this.status = choice("inbox-status", STATUSES.map((one) => [one]));
    this.delay = choice("inbox-delay", DELAYS);
    this.times = choice("inbox-times", TIMES);
    this.list = el("div", { class: "inbox-list" });
    this.webhooks = el("div", { class: "inbox-webhooks" });
    this.node = el("section", { class: "card inbox", "aria-labelledby": "inbox-title" },
      el("h2", { id: "inbox-title" }, "Receivers of this mock"),
      el("p", { class: "muted" }, "For apps that have no receiver yet: send this URL as the ", el("code", "callBackUrl"),
        ". It keeps the latest webhooks of all sandboxes, and responds as you choose."),
      this.form(), this.list, this.webhooks);
    this.named();
  }

  form() {
    return el("form", { class: "inbox-form", onsubmit: (/** @type {Event} */ event) => {
      event.preventDefault();
      this.choose();
    } },
    el("div", { class: "field" }, el("label", { for: "inbox-name" }, "Name"), this.name),
    el("div", { class: "inbox-url" }, this.url, " ", copyButton("Copy", () => urlOf(this.name.value))),
    el("div", { class: "inbox-response" },
      el("div", { class: "field" }, el("label", { for: "inbox-status" }, "Respond with"), this.status),
      el("div", { class: "field" }, el("label", { for: "inbox-delay" }, "When"), this.delay),
      el("div", { class: "field" }, el("label", { for: "inbox-times" }, "To"), this.times),
      el("button", { class: "button primary", type: "submit" }, "Set the response")));
  }

  named() {
    this.url.textContent = urlOf(this.name.value || "<name>");
  }

  async choose() {
    const times = this.times.value ? Number(this.times.value) : null;
    const body = { status: Number(this.status.value), delay: Number(this.delay.value), times };
    const inbox = await this.context.act("PUT", `inbox/${encodeURIComponent(this.name.value)}`, body);
    if (!inbox) return;
    this.selected = inbox.name;
    await this.reload();
    this.context.say(`${inbox.name} responds ${responds(inbox.response)}`);
  }

  /** @param {string} name */
  async open(name) {
    this.selected = name;
    this.name.value = name;
    this.named();
    await this.reload().catch(this.context.failed);
  }

  async reload() {
    this.inboxes = (await this.context.api.get("inbox")).inboxes;
    if (!this.inboxes.some((one) => one.name === this.selected)) {
      this.selected = this.inboxes.find((one) => one.name === this.name.value)?.name ?? this.inboxes[0]?.name ?? "";
    }
    const shown = this.selected ? await this.context.api.get(`inbox/${encodeURIComponent(this.selected)}`) : null;
    this.draw(shown?.webhooks ?? []);
  }

  /** @param {Received[]} webhooks */
  draw(webhooks) {
    const focused = /** @type {any} */ (document.activeElement)?.dataset?.key;
    fill(this.list, this.inboxes.length > 0 && el("ul", { class: "plain" }, this.inboxes.map((one) => this.item(one))));
    const open = new Set([...this.webhooks.querySelectorAll("details[open][data-key]")].map((one) => /** @type {any} */ (one).dataset.key));
    if (this.selected) {
      fill(this.webhooks, el("h3", `What came to ${this.selected}`, el("span", { class: "muted" }, " in real time")),
        webhooks.length ? [...webhooks].reverse().map((one) => this.received(one, open)) : el("p", { class: "muted" }, "Nothing yet."));
    } else {
      fill(this.webhooks, el("p", { class: "muted" }, "Nothing came to any of them yet."));
    }
    if (focused) [...this.node.querySelectorAll("[data-key]")].map((one) => /** @type {any} */ (one)).find((one) => one.dataset.key === focused)?.focus();
  }

  /** @param {Inbox} one */
  item(one) {
    return el("li", { class: "inbox-item" },
      el("button", { class: "button small", type: "button", "aria-pressed": String(one.name === this.selected), "data-key": `open-${one.name}`,
        onclick: () => this.open(one.name) }, one.name),
      el("span", `${one.received} received`), el("span", { class: "muted" }, "responds ", el("strong", responds(one.response))),
      el("button", { class: "button small danger", type: "button", "aria-label": `Forget ${one.name}`, onclick: async () => {
        if (await this.context.act("DELETE", `inbox/${encodeURIComponent(one.name)}`)) await this.reload();
      } }, "Forget"));
  }

  /** @param {Received} one @param {Set<string>} open */
  received(one, open) {
    const key = `received-${one.number}`, inner = el("div");
    const show = () => {
      if (folded.open && !inner.firstChild) fill(inner, this.content(one));
    };
    const folded = el("details", { class: "received", "data-key": key, open: open.has(key), ontoggle: show },
      el("summary", { "data-key": `summary-${one.number}` }, time(one.at), ` ${one.method} `,
        el("span", { class: "outcome", "data-delivered": String(one.status < 300) }, `responded ${one.status}`),
        one.delay > 0 && ` after ${duration(one.delay)}`, one.body?.data?.status && ` ${one.body.data.status}`), inner);
    show();
    return folded;
  }

  /** @param {Received} one */
  content(one) {
    const headers = Object.entries(one.headers);
    return [
      one.taskId && el("p", "of ", el("a", { href: this.context.link("task", one.taskId) }, `task ${one.taskId}`)),
      one.query && el("p", "query ", el("code", one.query)),
      one.body === "" ? el("p", { class: "muted" }, "No body.") : typeof one.body === "string" ? el("pre", el("code", one.body)) : json(one.body),
      el("details", el("summary", `${headers.length} headers`), el("dl", { class: "headers" },
        headers.map(([name, value]) => el("div", el("dt", el("code", name)), el("dd", el("code", value)))))),
    ];
  }
}
