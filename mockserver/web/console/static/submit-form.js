// A form made from a model's card: it explains what is wrong with a submission, and submits it.

import { Problem } from "./api.js";
import { copyButton, el, fill } from "./dom.js";
import { clause } from "./reasons.js";

/** @typedef {import("./app.js").Context} Context */
/** @typedef {import("./page-contract.js").Card} Card */
/** @typedef {import("./page-contract.js").Field} Field */
/** @typedef {import("./reasons.js").Reason} Reason */
/** @typedef {{place: string, control: any, problem: HTMLElement, read: () => any}} Row */

const TYPING = 150;
const SAMPLE_URL = "https://example.com/source.jpg";
/** The key with which a task is submitted where no sandbox has one yet. */
const OWN_KEY = "console";

/** A value with which a required field is filled at first. @param {Field} field */
function sample({ name, schema }) {
  if (schema.enum) return String(schema.enum[0]);
  if (schema.type === "array") return SAMPLE_URL;
  if (schema.type === "integer") return String(schema.minimum ?? 1);
  return name === "prompt" ? "A lighthouse at dawn" : "";
}

/** Numbers and words of JSON are values; anything else is sent as the text that it is. @param {string} text */
function valueOf(text) {
  return /^-?(0|[1-9]\d*)(\.\d+)?$/.test(text) ? Number(text) : text;
}

export class SubmitForm {
  /** @param {Card} card @param {Context} context */
  constructor(card, context) {
    this.card = card;
    this.context = context;
    this.asked = 0;
    /** @type {Row[]} */
    this.rows = [];
    this.others = el("div", { class: "form-problems", role: "status" });
    this.outcome = el("div", { class: "outcome", role: "status" });
    this.text = el("textarea", {
      id: "document", rows: 10, class: "mono", spellcheck: "false", readonly: true, "aria-describedby": "document-about",
      oninput: () => this.checkSoon(),
    });
    this.byHand = el("input", { type: "checkbox", id: "by-hand", onchange: () => this.switched() });
    this.scenario = el("input", { id: "f-scenario", list: "scenarios", placeholder: "none", autocomplete: "off", oninput: () => this.checkSoon() });
    this.view = this.form();
    this.known = context.sandboxes.find((one) => one.id === context.sandbox)?.key !== null;
    this.offerScenarios();
  }

  // -- the form -----------------------------------------------------------------------------

  form() {
    const fields = el("fieldset", { class: "fields-of-form" }, el("legend", { class: "unseen" }, "Submission"),
      this.card.fields.map((field) => this.row(`input.${field.name}`, field.name, this.control(field), field)),
      this.row("callBackUrl", "callBackUrl", textControl("url", "where the webhook goes"), null),
      this.row("user_id", "user_id", textControl("text", "your own id of a user"), null));
    this.fields = fields;
    return el("form", {
      class: "card submit-form", novalidate: true, "aria-labelledby": "form-title",
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        this.submit();
      },
      oninput: () => this.checkSoon(),
    }, el("h2", { id: "form-title" }, "Submit a task"), this.note(), fields, this.jsonPart(),
    el("div", { class: "field" }, el("label", { for: "f-scenario" }, "Scenario"), this.scenario, el("datalist", { id: "scenarios" }),
      el("p", { class: "muted" }, "Those about the connection, for example held and hang, do nothing here: send them from your app.")),
    this.others, el("button", { class: "button primary", type: "submit" }, "Submit"), this.outcome);
  }

  note() {
    const own = this.context.sandboxes.find((one) => one.id === this.context.sandbox);
    if (own && own.key !== null) return null;
    return el("p", { class: "muted" }, "The chosen sandbox is that of requests without a key. The task goes to the sandbox of the key ",
      el("code", OWN_KEY), ", which is made for it.");
  }

  jsonPart() {
    return el("details", { class: "as-json" }, el("summary", "As JSON"),
      el("p", { class: "check" }, this.byHand, el("label", { for: "by-hand" }, "Edit it by hand")),
      el("label", { for: "document", class: "unseen" }, "The submission as JSON"), this.text,
      el("p", { id: "document-about", class: "muted" }, "What is submitted; by hand, it can be as wrong as you like."),
      copyButton("Copy", () => this.text.value));
  }

  /** @param {string} place @param {string} name @param {any} control @param {Field | null} field */
  row(place, name, control, field) {
    const id = `f-${place.replace(".", "-")}`, problem = el("div", { id: `${id}-problem`, class: "problem", role: "status" });
    control.id = id;
    control.setAttribute("aria-describedby", `${id}-problem${field ? ` ${id}-about` : ""}`);
    const schema = field?.schema ?? {};
    this.rows.push({ place, control, problem, read: () => read(control, schema) });
    return el("div", { class: "field" },
      el("label", { for: id }, el("code", name), field?.required && el("span", { class: "needed" }, " required")),
      control, field && el("div", { id: `${id}-about`, class: "muted about" }, aboutField(field)), problem);
  }

  /** @param {Field} field */
  control(field) {
    const { schema, required } = field, first = required ? sample(field) : "";
    const values = schema.enum ?? (schema.type === "boolean" ? [true, false] : null);
    if (values) {
      return el("select", { "data-json": true }, !required && el("option", { value: "" }, "– left out –"),
        values.map((/** @type {any} */ one) => el("option", { value: JSON.stringify(one) }, String(one))));
    }
    if (schema.type === "array") return el("textarea", { rows: 2, placeholder: "one URL in each line" }, first);
    if (field.name === "prompt") return el("textarea", { rows: 3 }, first);
    const range = [schema.minimum, schema.maximum].filter((one) => one !== undefined).join(" to ");
    return el("input", { value: first, inputmode: schema.type === "integer" ? "numeric" : null, placeholder: range || "– left out –", autocomplete: "off" });
  }

  async offerScenarios() {
    try {
      const { scenarios } = await this.context.api.get("scenarios");
      const list = this.view.querySelector("#scenarios");
      fill(list, scenarios.map((/** @type {any} */ one) => el("option", { value: one.usage }, one.sentence)));
    } catch (error) {
      this.context.failed(error);
    }
  }

  switched() {
    const isByHand = this.byHand.checked;
    this.fields.disabled = isByHand;
    this.text.readOnly = !isByHand;
    this.checkSoon();
  }

  // -- the submission -----------------------------------------------------------------------

  /** What the fields say; what is empty is left out. */
  fromFields() {
    /** @type {any} */
    const made = { model: this.card.model, input: {} };
    for (const { place, read: readValue } of this.rows) {
      const value = readValue();
      if (value === undefined) continue;
      if (place.startsWith("input.")) made.input[place.slice(6)] = value;
      else made[place] = value;
    }
    return made;
  }

  /** @returns {any} null if the text is not JSON */
  submission() {
    if (!this.byHand.checked) {
      const made = this.fromFields();
      this.text.value = JSON.stringify(made, null, 2);
      return made;
    }
    try {
      const made = JSON.parse(this.text.value);
      if (typeof made === "object" && made !== null && !Array.isArray(made)) return made;
      this.complain("The submission is not an object.");
    } catch (error) {
      this.complain(`Not JSON: ${/** @type {Error} */ (error).message}`);
    }
    return null;
  }

  checkSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.check(), TYPING);
  }

  /** Show what the mock says of the submission as it is. */
  async check() {
    const asked = this.asked += 1, made = this.submission();
    if (made === null) return;
    try {
      const { problems, remarks } = await this.context.api.call("POST", "explain", made);
      if (asked === this.asked) this.explain(problems, remarks);
    } catch (error) {
      if (asked === this.asked) this.complain(error instanceof Problem ? error.msg : String(error));
    }
  }

  /** @param {string} text */
  complain(text) {
    this.explain([], []);
    fill(this.others, el("p", { class: "problem" }, text));
  }

  /** @param {Reason[]} problems @param {string[]} remarks */
  explain(problems, remarks) {
    const left = new Set(problems);
    for (const { place, control, problem } of this.rows) {
      const own = problems.filter((one) => one.place === place
        || one.place?.startsWith(`${place}[`) || one.place?.startsWith(`${place}.`));
      for (const one of own) left.delete(one);
      if (own.length) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
      fill(problem, own.map(problemView));
    }
    fill(this.others, [...left].map(problemView), remarks.map((one) => el("p", { class: "remark" }, `No effect: ${one}`)));
  }

  async submit() {
    clearTimeout(this.timer);
    const made = this.submission();
    if (made === null) return;
    const scenario = this.scenario.value.trim();
    const body = scenario ? { ...made, scenario } : made;
    fill(this.outcome);
    try {
      const response = this.known ? await this.context.api.send("POST", "tasks", body) : await this.submitWithOwnKey(body);
      await this.accepted(response);
    } catch (error) {
      const status = error instanceof Problem && error.status ? `${error.status}: ` : "";
      fill(this.outcome, el("p", { class: "problem" }, `Rejected. ${status}${error instanceof Problem ? error.msg : error}`));
      await this.check();
    }
  }

  /** @param {any} response */
  async accepted(response) {
    const id = response.data?.taskId;
    if (!id) {
      fill(this.outcome, el("p", { class: "problem" }, `Rejected. ${response.code}: ${response.msg}`));
      return;
    }
    let address = this.context.link("task", id);
    if (!this.known) {
      const { sandboxes } = await this.context.api.get("sandboxes");
      const own = sandboxes.findLast((/** @type {any} */ one) => one.label === OWN_KEY);
      address = address.replace(/sandbox=[^&]*/, `sandbox=${own?.id}`);
    }
    fill(this.outcome, el("p", "Submitted: ", el("a", { href: address }, `task ${id}`)));
    await this.check();
  }

  /** @param {any} body */
  async submitWithOwnKey(body) {
    const headers = { "Content-Type": "application/json", Authorization: `Bearer ${OWN_KEY}`, "X-Mock-Label": OWN_KEY };
    const response = await fetch("/__mock/tasks", { method: "POST", headers, body: JSON.stringify(body) });
    const document = await response.json();
    if (!response.ok) throw new Problem(response.status, document.msg);
    return document;
  }
}

/** @param {Reason} one */
function problemView(one) {
  return el("div", { class: "field-problem" }, el("div", one.text), clause(one));
}

/** @param {Field} field */
function aboutField(field) {
  const left = field.default === null ? "" : ` Left out, it is ${JSON.stringify(field.default)}.`;
  return `${field.accepts}.${field.description ? ` ${field.description}` : ""}${left}`;
}

/** @param {string} type @param {string} placeholder */
function textControl(type, placeholder) {
  return el("input", { type, placeholder, autocomplete: "off" });
}

/** @param {any} control @param {any} schema */
function read(control, schema) {
  const text = control.value;
  if (text === "") return undefined;
  if ("json" in control.dataset) return JSON.parse(text);
  if (schema.type === "array") {
    return text.split("\n").map((/** @type {string} */ line) => line.trim()).filter(Boolean);
  }
  return schema.type === "integer" || schema.type === "number" ? valueOf(text.trim()) : text;
}
