// An attempt to deliver a webhook: what became of it, and its body beside that of a poll.

import { duration, el, json, time } from "./dom.js";

/** @typedef {import("./app.js").Context} Context */
/** @typedef {{place: string, webhook?: any, poll?: any}} Difference */
/** @typedef {{number: number, at: string, taskId: string, url: string, attempt: number,
 *   method: string, body: any, status: number | null, latency_ms: number, delivered: boolean,
 *   error: string | null, failure: string | null, next_at: string | null, resent: boolean,
 *   scenarios: string[], warnings?: {kind: string, text: string}[],
 *   poll: any, differences: Difference[] | null}} Attempt */

/** What became of an attempt, in a word or two. @param {Attempt} one */
export function outcome(one) {
  if (one.delivered) return `${one.status} delivered`;
  return one.status === null ? String(one.failure ?? "failed") : `${one.status} failed`;
}

/** @param {Attempt} one */
export function outcomeBadge(one) {
  return el("span", { class: "outcome", "data-delivered": String(one.delivered) }, outcome(one));
}

/** How the webhook compares with a poll, in a few words. @param {Attempt} one */
export function comparedText(one) {
  if (one.differences === null) return "not compared: the task is forgotten";
  const count = one.differences.length;
  return count ? `differs from a poll in ${count} place${count === 1 ? "" : "s"}` : "equal to a poll";
}

/** @param {Attempt} one */
export function differsFlag(one) {
  const count = one.differences?.length ?? 0;
  return count > 0 && el("span", { class: "flag", title: comparedText(one) }, `${count} difference${count === 1 ? "" : "s"}`);
}

/** @param {Attempt} one */
export function titleOf(one) {
  return `Attempt ${one.attempt}${one.resent ? ", sent again" : ""}`;
}

/**
 * Everything that is known of an attempt, besides its title and outcome.
 * @param {Attempt} one @param {Context} context
 * @returns {HTMLElement}
 */
export function attemptDetail(one, context) {
  return el("div", { class: "attempt" },
    el("p", { class: "facts" }, time(one.at, { date: true }),
      (one.status !== null || one.latency_ms > 0) && el("span", `${one.status === null ? "gave up after" : "responded in"} ${duration(one.latency_ms / 1000)}`),
      one.scenarios.map((name) => el("span", { class: "badge" }, name))),
    el("p", { class: "address mono" }, `${one.method} ${one.url}`),
    one.error && el("p", { class: "problem" }, one.error),
    one.warnings?.map((warning) => el("p", el("span", { class: "flag" }, warning.kind), " ", warning.text)),
    one.next_at && el("p", "Next try at ", time(one.next_at, { date: true }), "."),
    comparison(one),
    el("p", { class: "buttons" }, resendButton(one, context)));
}

/** @param {Attempt} one @param {Context} context */
export function resendButton(one, context) {
  const button = el("button", {
    class: "button small", type: "button", "data-key": `resend-${one.number}`,
    title: "Send the same bytes once more; it is not retried",
    onclick: async () => {
      button.disabled = true;
      const sent = await context.act("POST", `deliveries/${one.number}/resend`);
      button.disabled = false;
      if (sent) context.say(`Sent again: ${outcome(sent)}`);
    },
  }, "Resend");
  return button;
}

// -- side by side -----------------------------------------------------------------------------

const NOTHING = Symbol("nothing");

/** @param {any} value */
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** Members without members of their own. @param {any} value @param {string} place @returns {[string, any][]} */
function leaves(value, place) {
  if (!isObject(value) || !Object.keys(value).length) return [[place, value]];
  return Object.entries(value).flatMap(([name, one]) => leaves(one, place ? `${place}.${name}` : name));
}

/** @param {any} value */
function shown(value) {
  if (value === NOTHING) return el("em", { class: "muted" }, "not there");
  return value === "" ? el("em", { class: "muted" }, "empty") : json(value);
}

/** @param {string} place @param {any} webhook @param {any} poll @param {boolean} differs */
function row(place, webhook, poll, differs) {
  return el("div", { class: "compare-row", role: "row", "data-differs": differs },
    el("span", { role: "rowheader", class: "mono compare-place" },
      differs && el("span", { class: "differs" }, "≠ ", el("span", { class: "unseen" }, "differs: ")),
      place || "all of it"),
    el("div", { role: "cell", "data-side": "Webhook" }, shown(webhook)),
    el("div", { role: "cell", "data-side": "Poll" }, shown(poll)));
}

/** @param {string} name @param {HTMLElement[]} rows @param {string} other */
function table(name, rows, other) {
  return el("div", { class: "compare", role: "table", "aria-label": name },
    el("div", { class: "compare-row compare-head", role: "row" },
      ["Field", "Webhook", other].map((one) => el("span", { role: "columnheader" }, one))), rows);
}

/** @param {number} count @param {string} what */
const counted = (count, what) => `${count} ${what}${count === 1 ? "" : "s"}`;

/** The webhook and a poll of its moment: what differs first. @param {Attempt} one @returns {HTMLElement} */
export function comparison(one) {
  if (one.differences === null) {
    return el("div", { class: "compared" }, el("p", { class: "muted" }, comparedText(one)), json(one.body));
  }
  const differing = one.differences, other = "Poll at that moment";
  const rows = differing.map((given) => row(given.place, "webhook" in given ? given.webhook : NOTHING,
    "poll" in given ? given.poll : NOTHING, true));
  /** @param {string} place */
  const isEqual = (place) => !differing.some((given) => given.place === "" || given.place === place || place.startsWith(`${given.place}.`));
  const equal = isObject(one.body) ? leaves(one.body, "").filter(([place]) => isEqual(place)) : [];
  const folded = equal.length > 0 && el("details",
    el("summary", differing.length ? `${counted(equal.length, "field")} equal to the poll` : `Body: ${comparedText(one)}`),
    table("Equal fields", equal.map(([place, value]) => row(place, value, value, false)), other));
  return el("div", { class: "compared" },
    rows.length > 0 && table("Where the webhook differs from a poll", rows, other), folded);
}
