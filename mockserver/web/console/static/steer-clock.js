// The clock of the sandbox: shown, stopped, run and moved; and what happened when it was moved.

import { el, fill, time } from "./dom.js";
import { distance, Row } from "./lane.js";

/** @typedef {import("./app.js").Context} Context */

const SPEEDS = [1, 10, 100];
const STEPS = /** @type {const} */ ([
  ["1s", "+1 s"], ["10s", "+10 s"], ["1m", "+1 min"], ["10m", "+10 min"], ["1h", "+1 h"],
  ["1d", "+1 d"], ["7d", "+7 d"],
]);
/** Entries of what happened, and tasks that can be chosen, at most. */
const MOST = 200;

export class ClockPanel {
  /** @param {Context} context */
  constructor(context) {
    this.context = context;
    /** @type {HTMLElement[]} */
    this.speeds = [];
    this.time = el("output", { class: "clock-time", "aria-label": "Time of the sandbox, in UTC" });
    this.course = el("span", { class: "muted" });
    this.happened = el("div", { "aria-live": "polite" });
    this.custom = el("input", { id: "advance", placeholder: "90s, 2h, 1.5d", autocomplete: "off" });
    this.tasks = el("select", { id: "until" });
    this.untilEnd = el("button", { class: "button", type: "button", onclick: () => this.advanceToEnd() }, "Advance", el("span", { class: "unseen" }, " to its end"));
    this.buttons = el("div", { class: "clock" }, this.courses(), this.advances());
    this.node = el("section", { class: "card", "aria-labelledby": "clock-title" },
      el("h2", { id: "clock-title" }, "Clock"),
      el("p", this.time, " ", this.course), this.buttons, this.happened);
    this.tick();
  }

  courses() {
    const stop = this.button("Stop", { freeze: true });
    const run = SPEEDS.map((speed) => this.button(`Run ×${speed}`, speed === 1 ? { run: true } : { run: true, speed }));
    this.speeds = [stop, ...run];
    this.speeds.forEach((one, index) => { one.dataset.speed = String([0, ...SPEEDS][index]); });
    return el("div", { class: "buttons", role: "group", "aria-label": "Course of the clock" }, this.speeds);
  }

  advances() {
    return [
      el("div", { class: "buttons", role: "group", "aria-label": "Advance" },
        STEPS.map(([advance, text]) => this.button(text, { advance })),
        this.button("Until idle", { advance_until: "idle" }, "Until nothing more is due")),
      el("form", { class: "inline", onsubmit: (/** @type {Event} */ event) => this.advanceBy(event) },
        el("label", { for: "advance" }, "Advance by"), this.custom,
        el("button", { class: "button", type: "submit" }, "Advance")),
      el("div", { class: "inline" }, el("label", { for: "until" }, "Until the end of"), this.tasks, this.untilEnd),
    ];
  }

  /** @param {string} text @param {any} course @param {string} [title] */
  button(text, course, title) {
    return el("button", { class: "button", type: "button", title, onclick: () => this.move(course) }, text);
  }

  /** @param {any} course */
  async move(course) {
    const buttons = [...this.buttons.querySelectorAll("button")], focused = document.activeElement;
    for (const one of buttons) one.disabled = true;
    const moved = await this.context.act("POST", "clock", course);
    for (const one of buttons) one.disabled = false;
    if (focused instanceof HTMLElement && this.buttons.contains(focused)) focused.focus();
    if (moved && (course.advance || course.advance_until)) this.tell(moved);
    this.showTasks(this.outlines ?? []);
  }

  /** @param {Event} event */
  advanceBy(event) {
    event.preventDefault();
    const given = this.custom.value.trim();
    if (given) this.move({ advance: given });
    else this.custom.focus();
  }

  advanceToEnd() {
    const task = (this.outlines ?? []).find((one) => one.taskId === this.tasks.value);
    const status = task?.states.at(-1)?.status;
    if (status) this.move({ advance_until: { task: this.tasks.value, status } });
  }

  /** @param {any} moved */
  tell({ happened, now }) {
    const shown = happened.slice(0, MOST);
    fill(this.happened, el("h3", "What happened until ", time(now)),
      happened.length === 0 ? el("p", { class: "muted" }, "Nothing was due.") : null,
      el("ol", { class: "plain happened", tabindex: "0", role: "list" }, shown.map((/** @type {any} */ one) => this.entry(one))),
      happened.length > MOST ? el("p", { class: "muted" }, `and ${happened.length - MOST} more`) : null);
  }

  /** @param {any} one */
  entry(one) {
    const name = one.taskId.slice(0, 8), task = el("a", { href: this.context.link("task", one.taskId) }, name);
    const what = {
      status: () => el("span", { class: "badge", "data-status": one.status }, one.status),
      webhook: () => (one.delivered ? `webhook delivered: ${one.answer}` : el("span", { class: "problem" }, `webhook failed: ${one.error}`)),
      held: () => `webhook held as ${one.name}`,
    }[/** @type {"status"} */ (one.event)];
    return el("li", time(one.at), " ", task, " ", what?.() ?? one.event);
  }

  // -- what is shown of the clock, and which tasks can be waited for ----------------------------

  tick() {
    const { now, speed, frozen } = this.context.clock();
    const text = `${now.slice(0, 10)} ${now.slice(11, 19)}`;
    if (this.time.textContent !== text) fill(this.time, text);
    const course = frozen ? "stands still" : `runs ×${speed}`;
    if (this.course.textContent !== course) {
      fill(this.course, course);
      for (const one of this.speeds) one.setAttribute("aria-pressed", String(Number(one.dataset.speed) === speed));
    }
    setTimeout(() => this.tick(), 100);
  }

  async read() {
    this.showTasks((await this.context.api.get("outlines")).tasks);
  }

  /** @param {import("./lane.js").Outline[]} outlines */
  showTasks(outlines) {
    this.outlines = outlines;
    if (document.activeElement === this.tasks) return; // somebody is choosing
    const chosen = this.tasks.value, now = this.context.now();
    const open = outlines.filter((one) => canEnd(one, now)).slice(-MOST).reverse();
    fill(this.tasks, open.map((one) => {
      const last = /** @type {any} */ (one.states.at(-1)), ends = last.at && distance(Date.parse(last.at) - now);
      return el("option", { value: one.taskId, selected: one.taskId === chosen },
        `${one.prompt?.slice(0, 40) || one.taskId}: ${last.status} ${ends ?? "when a poll decides"}`);
    }));
    if (!open.length) fill(this.tasks, el("option", { value: "" }, "no task is to end"));
    this.tasks.disabled = this.untilEnd.disabled = !open.length;
  }
}

/** @param {import("./lane.js").Outline} one @param {number} now */
function canEnd(one, now) {
  const at = one.states.at(-1)?.at;
  return one.states.length > 1 && at && Date.parse(at) > now && Row.isTerminal(one.states.at(-1)?.status);
}
