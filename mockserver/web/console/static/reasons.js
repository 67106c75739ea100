// Why a request was rejected: the clauses of the contract, with their sources.

import { el } from "./dom.js";

/** @typedef {{text: string, place: string | null, rule: string | null, clause: string | null,
 *   confidence: string | null, page: string | null}} Reason */

const MEANINGS = /** @type {Record<string, string>} */ ({
  seed: "the page that this mock was made from states it",
  documented: "a page of the API's documentation states it",
  corroborated: "others publish it for the same upstream; MaxAPI does not",
  assumed: "no page states it; what the live API does may differ",
});

/**
 * How sure the mock is of a clause, and which page says so.
 * @param {string | null} confidence @param {string | null} page
 */
export function source(confidence, page) {
  if (confidence === null) return el("span", { class: "source muted" }, "a setting of this mock");
  return el("span", { class: "source" },
    el("span", { class: "confidence", "data-confidence": confidence, title: MEANINGS[confidence] }, confidence),
    el("span", { class: "muted" }, page));
}

/** @param {Reason} reason */
export function clause(reason) {
  const where = [reason.rule, reason.clause].filter(Boolean).join(" in ");
  return el("div", { class: "clause" }, where && el("code", where), " ",
    source(reason.confidence, reason.page));
}

/** @param {Reason[]} reasons @returns {HTMLElement} */
export function reasonList(reasons) {
  return el("ul", { class: "plain reasons" }, reasons.map((one) => el(
    "li", el("div", { class: "reason-text" }, one.text), clause(one),
  )));
}
