// What a sandbox can have of its own: chaos, rate limit, balance, other settings; and the reset.

import { el, fill, money } from "./dom.js";

/** @typedef {import("./app.js").Context} Context */

const COUNTS = [0, 1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 500, 1000];
const PERIODS = /** @type {const} */ ([["1s", "second"], ["10s", "10 seconds"], ["1m", "minute"], ["1h", "hour"]]);
/** Settings that have controls of their own. */
const OWN = ["chaos", "rate-limit", "balance"];

export class SettingsPanel {
  /** @param {Context} context */
  constructor(context) {
    this.context = context;
    this.shown = "";
    this.chaos = el("input", {
      type: "range", id: "chaos", min: "0", max: "100", step: "1", value: "0",
      oninput: () => this.showChaos(), onchange: () => this.change({ chaos: Number(this.chaos.value) / 100 }),
    });
    this.chaosText = el("output", { for: "chaos" });
    this.limit = el("input", {
      type: "range", id: "limit", min: "0", max: COUNTS.length - 1, step: "1", value: "0",
      oninput: () => this.showLimit(), onchange: () => this.changeLimit(),
    });
    this.period = el("select", { "aria-label": "Period of the rate limit", onchange: () => this.changeLimit() },
      PERIODS.map(([value, text]) => el("option", { value }, `per ${text}`)));
    this.limitText = el("output", { for: "limit" });
    this.money = el("p");
    this.balance = el("input", { id: "balance", inputmode: "decimal", placeholder: "5.00", class: "few" });
    this.others = el("div");
    this.node = el("section", { class: "card", "aria-labelledby": "limits-title" },
      el("h2", { id: "limits-title" }, "Chaos, limits, balance"), this.sliders(), this.purse(),
      el("details", el("summary", "All settings of this sandbox"), this.others));
  }

  sliders() {
    return [
      el("div", { class: "field" }, el("div", { class: "label" }, el("label", { for: "chaos" }, "Chaos: faults in "), this.chaosText), this.chaos),
      el("div", { class: "field" }, el("div", { class: "label" }, el("label", { for: "limit" }, "Rate limit: "), this.limitText), el("div", { class: "inline" }, this.limit, this.period)),
    ];
  }

  purse() {
    return [
      this.money,
      el("form", { class: "inline", onsubmit: (/** @type {Event} */ event) => this.submitBalance(event) },
        el("label", { for: "balance" }, "Balance, US$"), this.balance,
        el("button", { class: "button", type: "submit" }, "Set"),
        el("button", { class: "button", type: "button", onclick: () => this.setBalance("0") }, "Empty"),
        el("button", { class: "button", type: "button", onclick: () => this.setBalance(null) }, "Unlimited")),
    ];
  }

  /** @param {Event} event */
  submitBalance(event) {
    event.preventDefault();
    const given = this.balance.value.trim();
    if (given) this.setBalance(given);
    else this.balance.focus();
  }

  /** @param {string | null} usd */
  async setBalance(usd) {
    const shown = await this.context.act("PUT", "balance", { balance_usd: usd });
    if (shown) this.showMoney(shown);
  }

  /** @param {Record<string, string | number>} changes */
  async change(changes) {
    const shown = await this.context.act("PATCH", "settings", changes);
    if (shown) this.show(shown.settings);
    else await this.read();
    return shown !== null;
  }

  changeLimit() {
    const count = COUNTS[Number(this.limit.value)];
    return this.change({ "rate-limit": count ? `${count}/${this.period.value}` : "none" });
  }

  async read() {
    const [{ settings }, balance] = await Promise.all([this.context.api.get("settings"), this.context.api.get("balance")]);
    this.show(settings);
    this.showMoney(balance);
  }

  // -- what is shown ----------------------------------------------------------------------------

  /** @param {Record<string, string>} settings */
  show(settings) {
    if (document.activeElement !== this.chaos) this.chaos.value = String(Math.round(Number(settings.chaos) * 100));
    this.showChaos();
    const [, count, period] = /^(\d+)\/(.+)$/.exec(settings["rate-limit"]) ?? [null, "0", this.period.value];
    if (document.activeElement !== this.limit) this.limit.value = String(nearest(Number(count)));
    const isOffered = COUNTS.includes(Number(count)) && PERIODS.some(([value]) => value === period);
    if (isOffered) this.period.value = period;
    this.showLimit();
    if (!isOffered) fill(this.limitText, settings["rate-limit"]);
    this.showOthers(settings);
  }

  showChaos() {
    fill(this.chaosText, `${this.chaos.value} % of exchanges and deliveries`);
  }

  showLimit() {
    const count = COUNTS[Number(this.limit.value)], period = this.period.selectedOptions[0]?.textContent;
    fill(this.limitText, count ? `${count} request${count === 1 ? "" : "s"} ${period}` : "none");
    this.limit.setAttribute("aria-valuetext", this.limitText.textContent ?? "");
  }

  /** @param {{balance_usd: string | null, spent_usd: string, note?: string}} shown */
  showMoney({ balance_usd: left, spent_usd: spent, note }) {
    fill(this.money, `${left === null ? "Unlimited balance" : `${money(left)} left`}, ${note ? `spent: ${note}` : `${money(spent)} spent`}.`);
  }

  /** @param {Record<string, string>} settings */
  showOthers(settings) {
    const text = JSON.stringify(settings);
    if (text === this.shown || this.others.contains(document.activeElement)) return;
    this.shown = text;
    fill(this.others, el("p", { class: "muted" }, "They apply until a reset; Enter changes one."),
      Object.entries(settings).filter(([name]) => !OWN.includes(name)).map(([name, value]) => this.line(name, value)));
  }

  /** @param {string} name @param {string} value */
  line(name, value) {
    const id = `setting-${name}`, isSecret = value === "[hidden]";
    const input = el("input", {
      id, name, value: isSecret ? "" : value, placeholder: isSecret ? value : null, autocomplete: "off", spellcheck: "false",
    });
    const submit = async (/** @type {Event} */ event) => {
      event.preventDefault();
      if (await this.change({ [name]: input.value })) this.context.say(`${name} is ${input.value} now`);
    };
    return el("form", { class: "inline setting", onsubmit: submit }, el("label", { for: id }, name), input,
      el("button", { class: "button small", type: "submit" }, "Set", el("span", { class: "unseen" }, ` ${name}`)));
  }
}

/** The place in `COUNTS` of the nearest one. @param {number} count */
function nearest(count) {
  const found = COUNTS.findIndex((one) => one >= count);
  return found < 0 ? COUNTS.length - 1 : found;
}

export class ResetPanel {
  /** @param {Context} context */
  constructor(context) {
    this.context = context;
    this.keep = el("input", { type: "checkbox", id: "keep" });
    this.buttons = el("div", { class: "buttons" });
    this.node = el("section", { class: "card", "aria-labelledby": "reset-title" },
      el("h2", { id: "reset-title" }, "Reset"),
      el("p", { class: "muted" }, "Forgets tasks, rules, settings and journal."),
      el("p", this.keep, " ", el("label", { for: "keep" }, "Keep the clock as it is")), this.buttons);
    this.offer();
  }

  offer() {
    fill(this.buttons,
      el("button", { class: "button danger", type: "button", onclick: () => this.ask("reset", "Reset this sandbox") }, "Reset this sandbox"),
      el("button", { class: "button danger", type: "button", onclick: () => this.ask("reset?all=true", "Reset all sandboxes") }, "Reset all sandboxes"));
  }

  /** @param {string} path @param {string} text */
  ask(path, text) {
    const sure = el("button", { class: "button danger", type: "button", onclick: () => this.reset(path) }, `Yes: ${text.toLowerCase()}`);
    fill(this.buttons, sure, el("button", { class: "button", type: "button", onclick: () => this.end() }, "Cancel"));
    sure.focus();
  }

  /** @param {string} path */
  async reset(path) {
    const done = await this.context.act("POST", path, this.keep.checked ? { keep: ["clock"] } : {});
    if (done) this.context.say(`Forgotten: ${done.tasks} task${done.tasks === 1 ? "" : "s"}.`);
    this.end();
  }

  end() {
    this.offer();
    /** @type {HTMLElement | null} */ (this.buttons.querySelector("button"))?.focus();
  }
}
