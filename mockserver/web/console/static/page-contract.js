// The page Contract: the models and their cards, a form that submits a task, and contract warnings.

import { Problem } from "./api.js";
import { el, fill, money } from "./dom.js";
import { source } from "./reasons.js";
import { SubmitForm } from "./submit-form.js";

/** @typedef {import("./app.js").Context} Context */
/** @typedef {{name: string, required: boolean, accepts: string, schema: any, default: any,
 *   description: string | null, confidence: string, page: string,
 *   less_sure: Record<string, {confidence: string, page: string}>}} Field */
/** @typedef {{usd: string | Record<string, string> | null, per: string, by: string | null,
 *   confidence: string, page: string}} Price */
/** @typedef {{model: string, title: string, description: string, result: string, price: Price,
 *   typical_seconds: number[], confidence: string, page: string}} Summary */
/** @typedef {Summary & {fields: Field[], rules: {text: string, confidence: string, page: string}[],
 *   pixels: {ratio: string, resolution: string, width: number, height: number,
 *   confidence: string, page: string}[]}} Card */
/** @typedef {{kind: string, text: string, count: number}} Warning */

const PAUSE = 500;

/** What an app should do instead. @type {Record<string, string>} */
const KINDS = {
  rejected: "a request was rejected, and no scenario asked for that",
  "unknown-field": "a submission was accepted with a field that has no effect",
  "polled-after-end": "a task was polled again and again after it had ended",
  "submitted-again": "the same was submitted again although it had been accepted",
  "ignored-retry-after": "a request came again before its Retry-After had passed",
  "fetched-after-expiry": "an expired file was fetched again and again",
  "webhook-rejected": "a receiver did not respond to a webhook with 2xx",
  "webhook-unanswered": "no receiver responded to a webhook in time",
  "no-request": "the command made no request at all",
  "frozen-clock": "a task was polled while the clock stood still",
};

/** @param {Price} price */
function priceText(price) {
  if (price.usd === null) return "no price published";
  if (typeof price.usd === "string") return `${money(price.usd)} per ${price.per}`;
  const each = Object.entries(price.usd).map(([value, usd]) => `${value}: ${money(usd)}`);
  return `${each.join(" · ")} per ${price.per}, by ${price.by}`;
}

/** @param {number[]} seconds */
function usualTime([least, most]) {
  /** @param {number} length */
  const shown = (length) => (length >= 3600 ? `${length / 3600} h` : length >= 120 ? `${Math.round(length / 60)} min` : `${length} s`);
  return least === most ? shown(least) : `${shown(least)} to ${shown(most)}`;
}

// -- all models ---------------------------------------------------------------------------------

/** @param {Summary[]} models @param {Context} context */
function modelTable(models, context) {
  const heads = ["Model", "Result", "Price", "Usually takes", "Source"];
  return el("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Table of models" },
    el("table", { class: "table stack" },
      el("thead", el("tr", heads.map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", models.map((one) => el("tr",
        el("th", { scope: "row" }, el("a", { href: context.link("contract", one.model) }, one.model),
          el("div", { class: "muted about" }, one.description)),
        el("td", one.result), el("td", priceText(one.price)), el("td", { class: "short" }, usualTime(one.typical_seconds)),
        el("td", source(one.confidence, one.page)))))));
}

/** @param {Context} context */
function warningsSection(context) {
  const list = el("div");
  const section = el("section", { class: "card", "aria-labelledby": "warnings-title" },
    el("h2", { id: "warnings-title" }, "Contract warnings of this run"), list);
  /** @type {any} */
  let timer = null;
  async function reload() {
    timer = null;
    const { warnings } = await context.api.get("warnings");
    fill(list, warnings.length ? grouped(warnings, context) : el("p", { class: "muted" },
      "None: so far, the app in this sandbox has done nothing that the API told it not to do."));
  }
  const soon = () => {
    timer ??= setTimeout(() => reload().catch(context.failed), PAUSE);
  };
  return { section, reload, soon };
}

/** @param {Warning[]} warnings @param {Context} context */
function grouped(warnings, context) {
  /** @type {Map<string, Warning[]>} */
  const kinds = new Map();
  for (const one of warnings) kinds.set(one.kind, [...(kinds.get(one.kind) ?? []), one]);
  return [...kinds].map(([kind, list]) => el("section", { class: "warning-kind" },
    el("h3", kind, " ", el("span", { class: "muted" }, KINDS[kind] ?? "")),
    el("ul", { class: "plain" }, list.map((one) => el("li",
      el("span", { class: "times" }, `${one.count}×`), " ", el("span", one.text)))),
    !kind.startsWith("webhook-") && el("a", { href: `${context.link("requests")}&warning=${encodeURIComponent(kind)}` }, "Show the requests")));
}

// -- one model ----------------------------------------------------------------------------------

/** @param {Field} field */
function fieldRow(field) {
  const less = Object.entries(field.less_sure);
  return el("tr",
    el("th", { scope: "row" }, el("code", field.name), field.required && el("div", { class: "needed" }, "required")),
    el("td", el("div", field.accepts), field.description && el("div", { class: "muted" }, field.description),
      field.default !== null && el("div", { class: "muted" }, "if left out: ", el("code", JSON.stringify(field.default)))),
    el("td", source(field.confidence, field.page), less.map(([keyword, about]) => el(
      "div", el("span", { class: "muted" }, `${keyword}: `), source(about.confidence, about.page)))));
}

/** @param {Card["pixels"]} pixels */
function pixelTable(pixels) {
  const resolutions = [...new Set(pixels.map((one) => one.resolution))];
  const ratios = [...new Set(pixels.map((one) => one.ratio))];
  /** @param {string} ratio @param {string} resolution */
  const cell = (ratio, resolution) => {
    const one = pixels.find((each) => each.ratio === ratio && each.resolution === resolution);
    return one ? el("td", { title: `${one.confidence}: ${one.page}` }, `${one.width} × ${one.height}`,
      one.confidence === "assumed" && el("span", { class: "muted" }, " (assumed)")) : el("td", "–");
  };
  return el("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Table of pixels" },
    el("table", { class: "table pixels" },
      el("thead", el("tr", el("th", { scope: "col" }, "ratio"), resolutions.map((one) => el("th", { scope: "col" }, one)))),
      el("tbody", ratios.map((ratio) => el("tr", el("th", { scope: "row" }, ratio), resolutions.map((one) => cell(ratio, one)))))));
}

/** @param {Card} card */
function cardView(card) {
  return el("section", { class: "card model-card", "aria-labelledby": "card-title" },
    el("h2", { id: "card-title" }, "Card"), el("p", card.description),
    el("dl", { class: "facts-list" },
      el("dt", "Result"), el("dd", card.result),
      el("dt", "Price"), el("dd", priceText(card.price), " ", source(card.price.confidence, card.price.page)),
      el("dt", "Usually takes"), el("dd", usualTime(card.typical_seconds)),
      el("dt", "Source"), el("dd", source(card.confidence, card.page))),
    el("h3", "Fields of input"),
    el("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Table of fields" },
      el("table", { class: "table fields stack" },
        el("thead", el("tr", ["Field", "Accepts", "Source"].map((name) => el("th", { scope: "col" }, name)))),
        el("tbody", card.fields.map(fieldRow)))),
    card.rules.length > 0 && [el("h3", "Rules between fields"), el("ul", { class: "rules" }, card.rules.map((one) => el(
      "li", one.text, " ", source(one.confidence, one.page))))],
    el("h3", "Pixels of the result"), pixelTable(card.pixels));
}

/** @param {HTMLElement} main @param {Context} context @param {Summary[]} models */
async function showModel(main, context, models) {
  const name = context.place.model;
  const chooser = el("select", { id: "model", onchange: (/** @type {any} */ event) => context.go(context.link("contract", event.target.value)) },
    models.map((one) => el("option", { value: one.model, selected: one.model === name }, one.model)));
  const way = el("p", { class: "way" }, el("a", { href: context.link("contract") }, "← All models"),
    el("label", { for: "model" }, "Model"), chooser);
  let card;
  try {
    card = await context.api.get(`models/${name.split("/").map(encodeURIComponent).join("/")}`);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    fill(main, el("h1", "No such model"), el("p", { class: "problem" }, error.msg), way);
    return;
  }
  const form = new SubmitForm(card, context);
  document.title = `${name} · ${document.title}`;
  fill(main, el("h1", name), way, el("div", { class: "split contract" }, form.view, cardView(card)));
  await form.check();
}

/** @param {HTMLElement} main @param {Context} context */
export async function start(main, context) {
  const { models } = await context.api.get("models");
  if (context.place.model) {
    await showModel(main, context, models);
    return {};
  }
  const warnings = warningsSection(context);
  fill(main, el("h1", "Contract"), warnings.section, el("section", { class: "card", "aria-labelledby": "models-title" },
    el("h2", { id: "models-title" }, "Models"), el("p", { class: "muted" }, "Choose one to see its card, and to submit a task by a form."), modelTable(models, context)));
  await warnings.reload();
  return {
    reload: warnings.reload,
    events: (/** @type {import("./stream.js").MockEvent[]} */ list) => {
      if (list.some((one) => one.kind === "warning" || one.data.warnings?.length || one.kind === "reset")) warnings.soon();
    },
  };
}
