// The story of a task: what has happened to it, in order, and what is to come.

import { duration, el, time } from "./dom.js";
import { outcome } from "./attempt.js";

/** @typedef {import("./app.js").Context} Context */
/** @typedef {import("./stream.js").MockEvent} MockEvent */
/** @typedef {{at: string | null, event: "status" | "webhook" | "results-expire", past: boolean,
 *   status?: string, attempt?: number}} Planned */
/** @typedef {{kind: string, at: string | null, text: any, more?: any, status?: string, times?: number,
 *   href?: string, same?: string}} Line */

/** @param {string} status */
export function stateBadge(status) {
  return el("span", { class: "badge", "data-status": status }, status);
}

/** @param {any} data @returns {any} */
function remarks(data) {
  return [
    (data.scenarios ?? []).map((/** @type {string} */ name) => el("span", { class: "badge" }, name)),
    (data.warnings ?? []).map((/** @type {{kind: string, text: string}} */ one) => el(
      "span", { class: "warning" }, el("span", { class: "flag" }, one.kind), " ", one.text)),
  ];
}

/** @param {any} data */
function requestText(data) {
  const said = data.task_status ?? data.message ?? "";
  const result = `${data.status}${said ? ` ${said}` : ""}`;
  const names = /** @type {Record<string, string>} */ ({
    submit: "Submitted", query: "Polled", cancel: "Cancel", result: "Fetched a file",
  });
  return `${names[data.operation] ?? `${data.method} ${data.path}`}: ${result}`;
}

/** @param {MockEvent} event @param {Context} context @returns {Line | null} */
function pastLine(event, context) {
  const { kind, at, data } = event;
  if (kind === "request") {
    const text = requestText(data), href = context.link("requests", data.number);
    const same = data.operation === "query" && !data.warnings?.length ? `${text} ${data.scenarios}` : undefined;
    return { kind: data.status >= 400 ? "rejected" : "request", at, text, href, more: remarks(data), same };
  }
  if (kind === "webhook") {
    const text = `Webhook, attempt ${data.attempt}${data.resent ? ", sent again" : ""}: ${outcome(data)}`;
    const href = `${context.link("webhooks")}&attempt=${data.number}`;
    return { kind: data.delivered ? "webhook" : "webhook-failed", at, text, href, more: [
      data.error && el("span", { class: "problem" }, data.error), remarks(data)] };
  }
  if (kind === "task" || kind === "status") {
    const why = kind === "status" ? data.failure_reason : null;
    return { kind: "state", at, status: data.status, text: stateBadge(data.status), more: why };
  }
  return kind === "results-expire" ? { kind: "expiry", at, text: "The results expired" } : null;
}

/** @param {Planned} one @returns {Line} */
function plannedLine(one) {
  if (one.event === "status") {
    return { kind: "state", at: one.at, status: one.status, text: stateBadge(String(one.status)) };
  }
  const text = one.event === "webhook" ? `Webhook, attempt ${one.attempt}` : "The results expire";
  return { kind: one.event === "webhook" ? "webhook" : "expiry", at: one.at, text };
}

/** States whose events are forgotten are known from the plan. @param {Line[]} lines @param {Planned[]} timeline */
function withForgotten(lines, timeline) {
  const known = new Set(lines.filter((one) => one.kind === "state").map((one) => one.status));
  for (const one of timeline) {
    if (!one.past || one.event !== "status" || known.has(one.status)) continue;
    const at = lines.findIndex((line) => String(line.at) > String(one.at));
    lines.splice(at < 0 ? lines.length : at, 0, plannedLine(one));
  }
  return lines;
}

/** A run of equal polls is one line. @param {Line[]} lines */
function folded(lines) {
  /** @type {Line[]} */
  const found = [];
  for (const line of lines) {
    const last = found.at(-1);
    if (last && line.same !== undefined && last.same === line.same) {
      last.times = (last.times ?? 1) + 1;
    } else found.push({ ...line });
  }
  return found;
}

/** @param {Line} line @param {number} began @returns {HTMLElement} */
function item(line, began) {
  const isOtherDay = line.at !== null && line.at.slice(0, 10) !== new Date(began).toISOString().slice(0, 10);
  const offset = line.at && el("span", { class: "offset" }, `+${duration((Date.parse(line.at) - began) / 1000)}`);
  const times = (line.times ?? 1) > 1 && el("span", { class: "muted" }, ` × ${line.times}`);
  return el("li", { class: "story-line", "data-kind": line.kind, "data-status": line.status },
    el("span", { class: "story-time" }, line.at ? time(line.at, { date: isOtherDay }) : "when polled", offset),
    el("span", { class: "story-text" },
      line.href ? el("a", { href: line.href }, line.text) : line.text, times,
      line.more && el("span", { class: "story-more" }, line.more)));
}

/**
 * @param {{task: any, events: MockEvent[]}} story @param {Context} context
 * @returns {HTMLElement}
 */
export function storyList(story, context) {
  const { task, events } = story, timeline = /** @type {Planned[]} */ (task.timeline);
  const began = Date.parse(task.created_at);
  const past = events.map((one) => pastLine(one, context)).filter((one) => one !== null);
  const future = timeline.filter((one) => !one.past).map(plannedLine);
  const { now, frozen } = context.clock();
  return el("ol", { class: "story", "aria-label": "What has happened, and what is to come" },
    folded(withForgotten(past, timeline)).map((line) => item(line, began)),
    el("li", { class: "story-now" }, el("span", { class: "story-time" }, time(now)),
      el("span", { class: "story-text" }, frozen ? "Now: the clock stands still" : "Now")),
    future.map((line) => {
      const made = item(line, began);
      made.classList.add("to-come");
      return made;
    }));
}
