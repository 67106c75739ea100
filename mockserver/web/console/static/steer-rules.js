// Rules: which scenario applies to which of the next requests; and the catalogue to choose from.

import { el, fill } from "./dom.js";

/** @typedef {import("./app.js").Context} Context */
/** @typedef {{name: string, usage: string, about: string, sentence: string}} Scenario */

const REQUESTS = /** @type {const} */ ({
  submits: { method: "POST", path: "*/submit" },
  polls: { method: "GET", path: "*/task/*" },
  cancellations: { method: "POST", path: "*/cancel" },
  requests: {},
});
const ABOUT = /** @type {Record<string, string>} */ ({
  outcome: "How a task ends", submit: "Errors of a submission", transport: "Faults of the connection",
  poll: "Polls", cancel: "Cancellation", webhook: "Webhooks", result: "Result files",
});
/** What stands in a usage for a value, and a value to begin with. */
const EXAMPLES = /** @type {[RegExp, string][]} */ ([
  [/<bytes>\/<duration>/, "100/1s"], [/<duration>/, "30s"], [/<code>/, "500"], [/<seconds>/, "5"],
  [/<n>/, "2"], [/<k>/, "1"], [/<name>/, "mine"],
]);

/** A word of the sentence, with what stands after it. @param {string} id @param {string} text @param {...HTMLElement} inputs */
function pair(id, text, ...inputs) {
  return el("span", { class: `pair pair-${id}` }, el("label", { for: id }, text), inputs);
}

export class RulesPanel {
  /** @param {Context} context @param {Scenario[]} scenarios @param {{model: string}[]} models */
  constructor(context, scenarios, models) {
    this.context = context;
    this.scenarios = scenarios;
    this.shown = "";
    this.times = el("input", { id: "times", type: "number", min: "1", max: "1000000", value: "1", class: "few" });
    this.what = el("select", { id: "what", "aria-label": "Which requests" },
      Object.keys(REQUESTS).map((name) => el("option", { value: name }, name)));
    this.model = el("select", { id: "model" }, el("option", { value: "" }, "any model"),
      models.map(({ model }) => el("option", { value: model }, model)));
    this.prompt = el("input", { id: "prompt", placeholder: "any prompt" });
    this.scenario = el("input", {
      id: "scenario", placeholder: "unavailable, or slow=90s, webhook-lost", autocomplete: "off", spellcheck: "false",
    });
    this.rules = el("div");
    this.found = el("div", { class: "catalogue", tabindex: "0", role: "region", "aria-label": "Catalogue of scenarios" });
    this.search = el("input", {
      type: "search", id: "search", placeholder: "webhook, late, 503, …", oninput: () => this.list(),
    });
    this.node = el("section", { class: "card", "aria-labelledby": "scenarios-title" },
      el("h2", { id: "scenarios-title" }, "Scenarios"), this.form(), this.rules,
      el("div", { class: "field" }, el("label", { for: "search" }, "Search the catalogue"), this.search), this.found);
    this.list();
  }

  form() {
    return el("form", { class: "sentence", onsubmit: (/** @type {Event} */ event) => this.submit(event) },
      pair("times", "The next", this.times, this.what), pair("model", "of", this.model),
      pair("prompt", "with", this.prompt), pair("scenario", "get", this.scenario),
      el("button", { class: "button primary", type: "submit" }, "Add the rule"),
      el("p", { class: "muted hint" }, "Without a number, all of them. Several scenarios are separated by commas."));
  }

  /** @param {Event} event */
  submit(event) {
    event.preventDefault();
    if (this.scenario.value.trim()) this.add(this.scenario.value.trim());
    else this.scenario.focus();
  }

  /** @param {string} scenario */
  async add(scenario) {
    const match = { ...REQUESTS[/** @type {"submits"} */ (this.what.value)] };
    if (this.model.value) Object.assign(match, { model: this.model.value });
    if (this.prompt.value) Object.assign(match, { prompt: this.prompt.value });
    const times = this.times.value ? Number(this.times.value) : null;
    const rule = await this.context.act("POST", "rules", { scenario, times, match });
    if (!rule) return;
    this.context.say(`Rule added: ${rule.scenario}`);
    await this.read();
  }

  async read() {
    this.show((await this.context.api.get("rules")).rules);
  }

  /** @param {any[]} rules */
  show(rules) {
    const text = JSON.stringify(rules);
    if (text === this.shown) return;
    this.shown = text;
    if (!rules.length) {
      fill(this.rules, el("p", { class: "muted" }, "No rules: each request gets what it asks for, else what the settings say."));
      return;
    }
    fill(this.rules, el("div", { class: "scrolls", tabindex: "0", role: "region", "aria-label": "Rules" },
      el("table", { class: "table" },
        el("thead", el("tr", ["Scenario", "For", "Fired", ""].map((name) => el("th", { scope: "col" }, name || el("span", { class: "unseen" }, "Delete"))))),
        el("tbody", rules.map((rule) => this.line(rule))))),
    el("p", el("button", { class: "button small danger", type: "button", onclick: () => this.remove("rules") }, "Delete all rules")));
  }

  /** @param {any} rule */
  line({ id, scenario, match, times, fired }) {
    const wanted = Object.entries(match).map(([name, value]) => `${name} ${value}`).join(", ");
    const isSpent = times !== null && fired >= times;
    return el("tr", { class: isSpent ? "muted" : null },
      el("td", el("code", scenario)), el("td", wanted || "all requests"),
      el("td", times === null ? `${fired} times, no limit` : `${fired} of ${times}${isSpent ? ", used up" : ""}`),
      el("td", el("button", {
        class: "button small", type: "button", onclick: () => this.remove(`rules/${id}`),
      }, "Delete", el("span", { class: "unseen" }, ` ${scenario}`))));
  }

  /** @param {string} path */
  async remove(path) {
    if (await this.context.act("DELETE", path)) await this.read();
  }

  // -- the catalogue ----------------------------------------------------------------------------

  list() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = this.scenarios.filter((one) => {
      const text = `${one.usage} ${one.sentence} ${ABOUT[one.about] ?? one.about}`.toLowerCase();
      return words.every((/** @type {string} */ word) => text.includes(word));
    });
    const groups = Map.groupBy(found, (one) => one.about);
    fill(this.found, [...groups].map(([about, scenarios]) => [
      el("h3", ABOUT[about] ?? about),
      el("ul", { class: "plain" }, scenarios.map((one) => this.offer(one))),
    ]), found.length ? null : el("p", { class: "empty" }, "No scenario says that. Try a status, for example 503, or a word like late."));
  }

  /** @param {Scenario} one */
  offer(one) {
    const needsValue = /^[^[]*=/.test(one.usage);
    const text = needsValue ? "Set a value" : "Apply";
    return el("li", { class: "offer" },
      el("button", {
        class: "button small", type: "button", onclick: () => (needsValue ? this.prepare(one) : this.add(one.name)),
      }, text, el("span", { class: "unseen" }, ` ${one.name}`)),
      el("div", el("code", one.usage), " ", el("span", { class: "muted" }, one.sentence)));
  }

  /** Write the scenario with a value into the form. @param {Scenario} one */
  prepare(one) {
    const [, example] = EXAMPLES.find(([pattern]) => pattern.test(one.usage)) ?? [null, ""];
    this.scenario.value = `${one.name}=${example}`;
    this.scenario.focus();
    this.scenario.setSelectionRange(one.name.length + 1, this.scenario.value.length);
  }
}
