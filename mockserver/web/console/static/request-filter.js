// Which requests are shown: by operation, status, task, contract warning, and text.

import { el, fill } from "./dom.js";

/** @typedef {import("./page-requests.js").Item} Item */
/** @typedef {Record<"text" | "operation" | "status" | "task" | "warning", string>} Values */

const TYPING = 200;
const NAMES = /** @type {const} */ (["text", "operation", "status", "task", "warning"]);
const LABELS = { text: "Text", operation: "Operation", status: "Status", task: "Task", warning: "Contract warning" };
const OPERATIONS = ["submit", "query", "cancel", "result", "preflight", "unknown route"];
const FIRST = /** @type {const} */ ({
  operation: [["", "any"], ...OPERATIONS.map((one) => [one, one])],
  status: [["", "any"], ["errors", "errors"]],
  warning: [["", "with or without"], ["any", "with any"]],
});

export class RequestFilter {
  /** @param {() => void} onchange */
  constructor(onchange) {
    this.onchange = onchange;
    /** @type {Values} */
    this.values = { text: "", operation: "", status: "", task: "", warning: "" };
    /** Numbers of requests whose bodies have the text. @type {Set<number>} */
    this.found = new Set();
    this.statuses = new Set();
    this.kinds = new Set();
    this.count = el("span", { class: "muted count" });
    const change = () => this.changed();
    /** @type {Record<keyof Values, any>} */
    this.fields = {
      text: textField("filter-text", "path, prompt, message, scenario …", change),
      operation: el("select", { id: "filter-operation", onchange: change }),
      status: el("select", { id: "filter-status", onchange: change }),
      task: textField("filter-task", "taskId", change),
      warning: el("select", { id: "filter-warning", onchange: change }),
    };
    this.view = el("form", { class: "filter", role: "search", onsubmit: (/** @type {Event} */ event) => event.preventDefault() },
      NAMES.map((name) => el("div", { class: `field filter-${name}` },
        el("label", { for: `filter-${name}` }, LABELS[name]), this.fields[name])),
      this.count);
    this.read();
  }

  /** Filter as the address says. */
  read() {
    const query = new URLSearchParams(location.search);
    for (const name of NAMES) this.values[name] = query.get(name) ?? "";
    this.offer();
    for (const name of NAMES) this.fields[name].value = this.values[name];
  }

  /** Add what is filtered by to an address. @param {URLSearchParams} query */
  write(query) {
    for (const name of NAMES) if (this.values[name]) query.set(name, this.values[name]);
  }

  changed() {
    for (const name of NAMES) this.values[name] = this.fields[name].value.trim();
    this.onchange();
  }

  clear() {
    for (const name of NAMES) this.fields[name].value = "";
    this.changed();
    this.fields.text.focus();
  }

  /** Offer what new requests have. @param {Item[]} items */
  learn(items) {
    const before = this.statuses.size + this.kinds.size;
    for (const item of items) {
      this.statuses.add(String(item.status));
      for (const warning of item.warnings) this.kinds.add(warning.kind);
    }
    if (this.statuses.size + this.kinds.size !== before) this.offer();
  }

  offer() {
    const { operation, status, warning } = this.values;
    options(this.fields.operation, FIRST.operation, [], operation);
    options(this.fields.status, FIRST.status, this.statuses, status);
    options(this.fields.warning, FIRST.warning, this.kinds, warning);
  }

  /** @param {Item} item */
  matches(item) {
    const { text, operation, status, task, warning } = this.values;
    if (operation && item.operation !== operation) return false;
    if (task && item.taskId !== task) return false;
    if (status === "errors" ? item.status < 400 : status && String(item.status) !== status) return false;
    if (warning === "any" ? !item.warnings.length
      : warning && !item.warnings.some((one) => one.kind === warning)) return false;
    return !text || this.found.has(item.number) || textOf(item).includes(text.toLowerCase());
  }

  /** @param {number} shown @param {number} all */
  tell(shown, all) {
    const requests = `request${all === 1 ? "" : "s"}`;
    fill(this.count, shown === all ? `${all} ${requests}` : `${shown} of ${all} ${requests}`);
  }
}

/** @param {Item} item */
function textOf(item) {
  const words = [item.method, item.path, item.taskId, item.message, item.task_status, ...item.scenarios];
  return words.filter(Boolean).join(" ").toLowerCase();
}

/** @param {string} id @param {string} placeholder @param {() => void} change @returns {HTMLInputElement} */
function textField(id, placeholder, change) {
  /** @type {any} */
  let timer;
  return el("input", {
    id, type: "search", placeholder, maxlength: "200",
    oninput: () => {
      clearTimeout(timer);
      timer = setTimeout(change, TYPING);
    },
  });
}

/**
 * Offer values, and the one that is chosen.
 * @param {HTMLSelectElement} select @param {readonly (readonly string[])[]} first
 * @param {Iterable<any>} seen @param {string} chosen
 */
function options(select, first, seen, chosen) {
  const known = first.map(([value]) => value), more = new Set(seen);
  if (!known.includes(chosen)) more.add(chosen);
  const pairs = [...first, ...[...more].sort().map((one) => [one, one])];
  fill(select, pairs.map(([value, label]) => el("option", { value }, label)));
  select.value = chosen;
}
