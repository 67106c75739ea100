// One request of the journal beside the list: both sides of it, why it was rejected, and as code.

import { copyButton, el, fill, json, time } from "./dom.js";
import { reasonList } from "./reasons.js";
import { LANGUAGES } from "./request-code.js";

/** @typedef {import("./request-code.js").Entry} Entry */

const KEPT = 16 * 1024;
const LEVELS = 3;

/** How a status is coloured. @param {number} status */
export function kindOf(status) {
  return status >= 500 ? "server" : status >= 400 ? "client" : "fine";
}

/** @param {number} status */
export function statusBadge(status) {
  return el("span", { class: "code", "data-kind": kindOf(status) }, status);
}

/** @param {Record<string, string>} headers */
function headerTable(headers) {
  const rows = Object.entries(headers);
  if (!rows.length) return el("p", { class: "muted" }, "No headers.");
  return el("details", { class: "headers" },
    el("summary", `${rows.length} header${rows.length === 1 ? "" : "s"}`),
    el("table", { class: "table" }, el("tbody", rows.map(([name, value]) => el(
      "tr", el("th", { scope: "row" }, name), el("td", el("code", value)),
    )))));
}

/** @param {any} body @param {string | undefined} type */
function bodyView(body, type) {
  if (body === "") return el("p", { class: "muted" }, "No body.");
  if (typeof body !== "string") return json(body, undefined, LEVELS);
  if (/^(image|video)\//.test(type ?? "")) {
    return el("p", { class: "muted" }, `A file of the type ${type}; its task shows it.`);
  }
  const cut = body.length >= KEPT && el("p", { class: "muted" }, "Only the first 16 KiB were kept.");
  return [el("pre", { class: "body-text", tabindex: "0", "aria-label": "Body" }, body), cut];
}

/** @param {string} title @param {Record<string, string>} headers @param {any} body */
function side(title, headers, body) {
  const names = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  const text = typeof body === "string" ? body : JSON.stringify(body, null, 2);
  return el("section", { class: "side" },
    el("div", { class: "side-title" }, el("h3", title), body !== "" && copyButton("Copy body", text)),
    headerTable(headers), bodyView(body, names["content-type"]));
}

/** @param {Entry} entry */
function codePart(entry) {
  const shown = el("pre", { class: "code-text", tabindex: "0" });
  const area = el("div", { hidden: true }, shown);
  /** @type {HTMLButtonElement[]} */
  const choices = LANGUAGES.map(([name, make]) => el("button", {
    class: "button small", type: "button", "aria-pressed": "false",
    onclick: (/** @type {any} */ event) => {
      const wasOpen = event.currentTarget.getAttribute("aria-pressed") === "true";
      for (const one of choices) one.setAttribute("aria-pressed", String(!wasOpen && one === event.currentTarget));
      area.hidden = wasOpen;
      shown.setAttribute("aria-label", `As ${name}`);
      fill(shown, el("code", make(entry)));
    },
  }, name));
  const copy = copyButton("Copy", () => shown.textContent ?? "");
  area.append(copy);
  return el("section", { class: "as-code" }, el("div", { class: "buttons" },
    el("span", { class: "muted" }, "The same as"), el("span", { class: "choice" }, choices)), area);
}

/** @param {Entry} entry @param {import("./app.js").Context} context */
function facts(entry, context) {
  const sentBy = entry.headers["x-mock-sent-by"];
  return el("p", { class: "facts" },
    statusBadge(entry.status), el("span", entry.operation), time(entry.at, { date: true }),
    entry.taskId && el("a", { href: context.link("task", entry.taskId) }, `task ${entry.taskId}`),
    entry.scenarios.map((name) => el("span", { class: "badge" }, name)),
    sentBy && el("span", { class: "badge" }, `sent by: ${sentBy}`));
}

/** @param {Entry} entry */
function warningsOf(entry) {
  if (!entry.warnings.length) return null;
  return el("section", { class: "warnings" }, el("h3", "Contract warnings"), el("ul", { class: "plain" },
    entry.warnings.map((one) => el("li", el("strong", one.kind), " ", warningText(one, entry)))));
}

/** A rejection has been explained already. @param {{kind: string, text: string}} warning @param {Entry} entry */
function warningText({ kind, text }, entry) {
  return kind === "rejected" && entry.explanation.length ? "no scenario asked for this rejection" : text;
}

/** @param {Entry} entry */
function why(entry) {
  if (!entry.explanation.length) return null;
  const isOfBody = entry.explanation.some((one) => one.place !== null);
  const said = entry.response_body?.msg;
  return el("section", { class: "why" }, el("h3", "Why it was rejected"),
    !isOfBody && typeof said === "string" && el("p", { class: "reason-text" }, said),
    !isOfBody && entry.scenarios.length > 0 && el("p", `Scenario: ${entry.scenarios.join(", ")}`),
    reasonList(entry.explanation));
}

/**
 * @param {Entry} entry @param {import("./app.js").Context} context
 * @param {{close: () => void, replay: (entry: Entry) => void}} actions
 * @returns {HTMLElement}
 */
export function requestDetail(entry, context, actions) {
  return el("article", { class: "card detail", "aria-labelledby": "detail-title" },
    el("div", { class: "detail-title" },
      el("h2", { id: "detail-title", tabindex: "-1" }, `Request ${entry.number}`),
      el("span", { class: "buttons" },
        el("button", {
          class: "button small primary", type: "button", onclick: () => actions.replay(entry),
          title: "Send it again in this sandbox, as the app sent it",
        }, "Replay"),
        el("button", { class: "button small", type: "button", onclick: actions.close }, "Close"))),
    el("p", { class: "address mono" }, `${entry.method} ${entry.path}`, entry.query && `?${entry.query}`),
    facts(entry, context), why(entry), warningsOf(entry), codePart(entry),
    side("Request", entry.headers, entry.body),
    side("Response", entry.response_headers, entry.response_body));
}
