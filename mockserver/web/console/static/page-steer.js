// The page Steer: what happens in the sandbox, and when.

import { duration, el, fill } from "./dom.js";
import { ClockPanel } from "./steer-clock.js";
import { RulesPanel } from "./steer-rules.js";
import { ResetPanel, SettingsPanel } from "./steer-settings.js";

/** @typedef {import("./app.js").Context} Context */
/** @typedef {import("./stream.js").MockEvent} MockEvent */

/** Milliseconds between two looks at what has changed, and at what is held. */
const PAUSE = 250, HELD_PAUSE = 1000;

/** What waits for a release. */
class HeldPanel {
  /** @param {Context} context */
  constructor(context) {
    this.context = context;
    this.shown = "";
    this.list = el("div");
    this.node = el("section", { class: "card", "aria-labelledby": "held-title" },
      el("h2", { id: "held-title" }, "Held"), this.list);
  }

  async read() {
    const { held } = await this.context.api.get("held");
    const text = JSON.stringify(held.map((/** @type {any} */ one) => ({ ...one, held_ms: Math.floor(one.held_ms / 1000) })));
    if (text === this.shown) return;
    this.shown = text;
    this.show(held);
  }

  /** @param {any[]} held */
  show(held) {
    const focused = document.activeElement?.getAttribute("data-release");
    if (!held.length) {
      fill(this.list, el("p", { class: "muted" }, "Nothing. The scenarios ", el("code", "held"), " and ", el("code", "webhook-held"),
        " make a response or a webhook wait until it is released here, in any order."));
      return;
    }
    fill(this.list, [...Map.groupBy(held, (one) => one.name)].map(([name, items]) => el("div", { class: "held" },
      el("div", { class: "buttons" }, el("code", name),
        el("button", { class: "button small primary", type: "button", "data-release": name, onclick: () => this.release(name, {}) },
          "Release the first", el("span", { class: "unseen" }, ` of ${name}`)),
        items.length > 1 ? el("button", { class: "button small", type: "button", "data-release": `${name} all`, onclick: () => this.release(name, { all: true }) },
          `Release all ${items.length}`, el("span", { class: "unseen" }, ` of ${name}`)) : null),
      el("ol", items.map((one) => el("li", one.what, " ",
        one.taskId ? el("a", { href: this.context.link("task", one.taskId) }, one.taskId.slice(0, 8)) : null,
        el("span", { class: "muted" }, ` for ${duration(Math.floor(one.held_ms / 1000))}`)))))));
    if (focused) this.list.querySelector(`[data-release="${CSS.escape(focused)}"]`)?.focus();
  }

  /** @param {string} name @param {{all?: boolean}} body */
  async release(name, body) {
    const done = await this.context.act("POST", `held/${encodeURIComponent(name)}/release`, body);
    if (done) this.context.say(`Released: ${done.released.map((/** @type {any} */ one) => one.what).join(", ")}`);
    await this.read();
  }
}

/** @param {HTMLElement} main @param {Context} context */
export async function start(main, context) {
  const [{ scenarios }, { models }] = await Promise.all([context.api.get("scenarios"), context.api.get("models")]);
  const clock = new ClockPanel(context), held = new HeldPanel(context), settings = new SettingsPanel(context);
  const rules = new RulesPanel(context, scenarios, models), reset = new ResetPanel(context);
  fill(main, el("h1", "Steer"), el("div", { class: "steer" },
    el("div", { class: "column" }, clock.node, held.node, settings.node, reset.node), rules.node));
  const reload = async () => { await Promise.all([clock, held, settings, rules].map((panel) => panel.read())); };
  await reload();
  setInterval(() => { if (!document.hidden) held.read().catch(() => undefined); }, HELD_PAUSE);
  let isDue = false;
  /** @param {MockEvent[]} list */
  const events = (list) => {
    if (isDue || !list.length) return;
    isDue = true;
    setTimeout(() => {
      isDue = false;
      reload().catch(context.failed);
    }, PAUSE);
  };
  return { events, reload };
}
