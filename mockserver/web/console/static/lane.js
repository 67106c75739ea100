// What is known of a sandbox and its tasks, and how a task looks as bars at a scale.

import { Api } from "./api.js";
import { duration, el, time } from "./dom.js";

/** @typedef {{taskId: string, model: string, prompt: string | null, callBackUrl: string | null,
 *   states: {status: string, at: string | null}[],
 *   webhooks: {at: string, attempt: number, delivered: boolean, error: string | null}[],
 *   webhook_due: string | null}} Outline */

/** @typedef {import("./app.js").Context} Context */
/** @typedef {import("./app.js").Sandbox} Sandbox */
/** @typedef {import("./stream.js").MockEvent} MockEvent */

const TERMINAL = ["SUCCESS", "FAILURE", "TIMEOUT", "CANCELLED"];
/** Pixels of a bar that is never longer, whatever the scale. */
const LONGEST = 1e6;
/** Pixels of an end. */
const CAP = 7;
/** Tasks that are asked for in one request. */
const ASKED = 100;

/** A task as it is known; what changes gets a new one. */
export class Row {
  /** @param {Outline} task @param {Lane} lane @param {number} now */
  constructor(task, lane, now) {
    this.task = task;
    this.lane = lane;
    this.began = Date.parse(task.states[0].at ?? "");
    const reached = task.states.filter(({ at }) => at !== null && Date.parse(at) <= now);
    this.status = (reached.at(-1) ?? task.states[0]).status;
    this.text = `${task.taskId} ${task.model} ${task.prompt ?? ""}`.toLowerCase();
  }

  /** The last moment of which something is known. */
  get ends() {
    const moments = [...this.task.states, ...this.task.webhooks].map(({ at }) => at ?? "");
    return Math.max(...[...moments, this.task.webhook_due ?? ""].filter(Boolean).map(Date.parse));
  }

  get hasEnded() {
    return Row.isTerminal(this.status);
  }

  /** @param {string | undefined} status */
  static isTerminal(status) {
    return TERMINAL.includes(status ?? "");
  }

  /** What became of the webhook, in words. */
  get webhook() {
    const { webhooks, webhook_due: due, callBackUrl } = this.task, last = webhooks.at(-1);
    if (!callBackUrl) return "no webhook wanted";
    if (last?.delivered) return "webhook delivered";
    if (last) return due ? "webhook failed, next try planned" : "webhook failed";
    return this.hasEnded ? "webhook not sent yet" : "webhook planned";
  }

  /** Is this state, at this moment, what was planned? @param {string} status @param {string} at */
  plans(status, at) {
    const moment = Date.parse(at);
    return this.task.states.some((one) => one.status === status && one.at && Date.parse(one.at) === moment);
  }
}

/** What is known of a sandbox. */
export class Lane {
  /** @param {Sandbox} sandbox @param {Context} context */
  constructor(sandbox, context) {
    this.context = context;
    this.api = sandbox.id === context.sandbox ? context.api : new Api(sandbox.id);
    /** @type {Map<string, Row>} */
    this.rows = new Map();
    /** @type {Set<string>} the tasks that have changed */
    this.changed = new Set();
    this.describe(sandbox);
    this.showClock(sandbox.clock);
  }

  /** @param {Sandbox} sandbox */
  describe(sandbox) {
    this.sandbox = sandbox;
    this.name = this.context.title(sandbox);
  }

  /** @param {import("./app.js").Clock} clock */
  showClock(clock) {
    this.clock = { moment: Date.parse(clock.now), at: performance.now(), speed: clock.speed };
  }

  now() {
    const { moment, at, speed } = /** @type {any} */ (this.clock);
    const isChosen = this.api.sandbox === this.context.sandbox;
    return isChosen ? this.context.now() : moment + (performance.now() - at) * speed;
  }

  async read() {
    const { tasks, now } = await this.api.get("outlines");
    const moment = Date.parse(now);
    this.changed.clear();
    this.rows = new Map(tasks.map((/** @type {any} */ task) => [task.taskId, new Row(task, this, moment)]));
  }

  async readChanged() {
    const names = [...this.changed];
    this.changed.clear();
    for (let first = 0; first < names.length; first += ASKED) {
      const asked = names.slice(first, first + ASKED).map(encodeURIComponent).join(",");
      const { tasks, now } = await this.api.get(`outlines?tasks=${asked}`);
      for (const task of tasks) this.rows.set(task.taskId, new Row(task, this, Date.parse(now)));
    }
    return names.length > 0;
  }

  /** Take in an event; return whether it changed a row. @param {MockEvent} event */
  hear({ kind, at, data }) {
    if (kind === "clock") this.showClock(data);
    if (kind === "task" || kind === "webhook") this.changed.add(data.taskId);
    if (kind !== "status") return false;
    const row = this.rows.get(data.taskId);
    if (!row?.plans(data.status, at)) {
      this.changed.add(data.taskId);
      return false;
    }
    this.rows.set(data.taskId, new Row(row.task, this, Math.max(Date.parse(at), this.now())));
    return true;
  }
}

/** The bars and marks of a task, from its beginning. @param {Row} row @param {number} scale pixels of a millisecond */
export function bars(row, scale) {
  const { states, webhooks, webhook_due: due } = row.task, made = [];
  for (const [index, { status, at }] of states.entries()) {
    if (at === null) break;
    const left = (Date.parse(at) - row.began) * scale, next = states[index + 1];
    if (TERMINAL.includes(status)) made.push(piece("bar cap", left - CAP, CAP, status));
    else if (next?.at) made.push(piece("bar", left, (Date.parse(next.at) - Date.parse(at)) * scale, status));
    else made.push(piece(next ? "bar undecided" : "bar", left, next ? 56 : LONGEST, status));
  }
  for (const one of webhooks) {
    const kind = one.delivered ? "delivered" : "failed";
    made.push(piece(`mark ${kind}`, (Date.parse(one.at) - row.began) * scale));
  }
  if (due) made.push(piece("mark planned", (Date.parse(due) - row.began) * scale));
  return made;
}

/** @param {string} kind @param {number} left @param {number} [width] @param {string} [status] */
function piece(kind, left, width, status) {
  const made = el("i", { class: kind, "data-status": status });
  made.style.setProperty("left", `${Math.min(left, LONGEST)}px`);
  if (width !== undefined) made.style.setProperty("width", `${Math.min(Math.max(width, 1), LONGEST)}px`);
  return made;
}

/** What is told of a task that is pointed at. @param {Row} row @param {number} now */
export function told(row, now) {
  const { task } = row, line = (/** @type {string} */ name, /** @type {any} */ value) => [
    el("dt", name), el("dd", value),
  ];
  return [
    el("strong", task.prompt ?? task.taskId),
    el("dl", { class: "facts" },
      line("Task", el("code", task.taskId)),
      line("Model", task.model),
      task.states.map(({ status, at }) => line(status, at === null
        ? "when a poll decides" : [time(at), ` (${distance(Date.parse(at) - now)})`])),
      task.webhooks.map((one) => line(`Webhook, attempt ${one.attempt}`, [
        time(one.at), one.delivered ? " delivered" : ` failed: ${one.error}`,
      ])),
      task.webhook_due && line("Next webhook", [
        time(task.webhook_due), ` (${distance(Date.parse(task.webhook_due) - now)})`,
      ]),
      task.callBackUrl && line("callBackUrl", task.callBackUrl)),
  ];
}

/** @param {number} ms */
export function distance(ms) {
  if (Math.abs(ms) < 1) return "now";
  return ms < 0 ? `${duration(-ms / 1000)} ago` : `in ${duration(ms / 1000)}`;
}
