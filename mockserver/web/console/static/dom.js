// Makes elements. Text is always text: nothing here, or anywhere in the console, parses HTML.

/** @typedef {Node | string | number | null | undefined | false | Child[]} Child */
/** @typedef {Record<string, string | number | boolean | null | undefined | ((event: any) => unknown)>} Attributes */

/**
 * Make an element. Names that begin with `on` are listeners; `true` is an attribute without a
 * value, and `null`, `undefined` and `false` are none.
 * @param {string} tag
 * @param {Attributes | Child} [attributes]
 * @param {...Child} children
 * @returns {any} the element; its type is the tag's
 */
export function el(tag, attributes, ...children) {
  const made = document.createElement(tag);
  if (isAttributes(attributes)) {
    for (const [name, value] of Object.entries(attributes)) set(made, name, value);
  } else {
    children.unshift(attributes);
  }
  append(made, children);
  return made;
}

/** @param {unknown} value @returns {value is Attributes} */
function isAttributes(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    && !(value instanceof Node);
}

/** @param {HTMLElement} node @param {string} name @param {Attributes[string]} value */
function set(node, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (typeof value === "function") node.addEventListener(name.slice(2).toLowerCase(), value);
  else if (name === "value" && "value" in node) node.value = String(value);
  else if (name === "href" || name === "src") setAddress(node, name, String(value));
  else if (!name.startsWith("on")) node.setAttribute(name, value === true ? "" : String(value));
}

/** Addresses with a script in them are dropped. @param {HTMLElement} node @param {string} name @param {string} value */
function setAddress(node, name, value) {
  const scheme = new URL(value, location.href).protocol;
  if (["http:", "https:"].includes(scheme)) node.setAttribute(name, value);
}

/** @param {Node} node @param {Child[]} children */
function append(node, children) {
  for (const child of children) {
    if (Array.isArray(child)) append(node, child);
    else if (child instanceof Node) node.appendChild(child);
    else if (child !== null && child !== undefined && child !== false) {
      node.appendChild(document.createTextNode(String(child)));
    }
  }
}

/** Replace the children of a node. @param {Element} node @param {...Child} children */
export function fill(node, ...children) {
  node.replaceChildren();
  append(node, children);
}

/**
 * A list that makes elements only for what can be seen.
 * @template Item
 */
export class VirtualList {
  /**
   * @param {HTMLElement} container it scrolls; give it a height
   * @param {{rowHeight: number, row: (item: Item, index: number) => HTMLElement}} options an item
   *   that is the same object keeps its row, wherever it moves to; each is in the list once
   */
  constructor(container, { rowHeight, row }) {
    this.container = container;
    this.rowHeight = rowHeight;
    this.row = row;
    /** @type {readonly Item[]} */
    this.items = [];
    /** @type {Map<Item, HTMLElement>} the rows that there are, in order */
    this.rows = new Map();
    this.space = el("div", { class: "virtual-space", role: "presentation" });
    container.classList.add("virtual");
    if (!container.hasAttribute("tabindex")) container.tabIndex = 0;
    container.appendChild(this.space);
    container.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(container);
  }

  /** Show these items; what was scrolled to stays where it is. @param {readonly Item[]} items */
  set(items) {
    this.items = items;
    this.space.style.setProperty("height", `${items.length * this.rowHeight}px`);
    this.draw();
  }

  /** Scroll to an item. @param {number} index */
  reveal(index) {
    const top = index * this.rowHeight, { scrollTop, clientHeight } = this.container;
    if (top < scrollTop) this.container.scrollTop = top;
    else if (top + this.rowHeight > scrollTop + clientHeight) {
      this.container.scrollTop = top + this.rowHeight - clientHeight;
    }
    this.draw();
  }

  /** Make all rows anew. */
  redraw() {
    const focused = this.focusedIndex();
    for (const node of this.rows.values()) node.remove();
    this.rows.clear();
    this.draw(focused);
  }

  /** @param {number | null} [focused] the index of the row that has the focus */
  draw(focused = this.focusedIndex()) {
    const { scrollTop, clientHeight } = this.container, margin = 6;
    const first = Math.max(0, Math.floor(scrollTop / this.rowHeight) - margin);
    const end = Math.min(
      this.items.length, Math.ceil((scrollTop + clientHeight) / this.rowHeight) + margin,
    );
    const before = this.rows;
    this.rows = new Map();
    for (let index = first; index < end; index += 1) {
      const item = this.items[index];
      this.rows.set(item, before.get(item) ?? this.make(item, index));
      before.delete(item);
    }
    for (const node of before.values()) node.remove();
    let index = first, last = null;
    for (const node of this.rows.values()) {
      this.place(node, index, last);
      [last, index] = [node, index + 1];
    }
    if (focused !== null && !this.space.contains(document.activeElement)) this.focus(focused);
  }

  /** @param {Item} item @param {number} index */
  make(item, index) {
    const node = this.row(item, index);
    node.classList.add("virtual-row");
    node.style.setProperty("height", `${this.rowHeight}px`);
    return node;
  }

  /** @param {HTMLElement} node @param {number} index @param {HTMLElement | null} last the one before it */
  place(node, index, last) {
    const expected = last ? last.nextSibling : this.space.firstChild;
    if (node !== expected) this.space.insertBefore(node, expected);
    if (node.dataset.index !== String(index)) {
      node.dataset.index = String(index);
      node.style.setProperty("top", `${index * this.rowHeight}px`);
    }
    const role = node.getAttribute("role");
    if (role === "row") node.setAttribute("aria-rowindex", String(index + 1));
    if (role === "listitem") {
      node.setAttribute("aria-setsize", String(this.items.length));
      node.setAttribute("aria-posinset", String(index + 1));
    }
  }

  /** The index of the row that has the focus. @returns {number | null} */
  focusedIndex() {
    for (const node of this.rows.values()) {
      if (node.contains(document.activeElement)) return Number(node.dataset.index);
    }
    return null;
  }

  /** @param {number} index */
  focus(index) {
    const node = this.space.querySelector(`:scope > [data-index="${index}"]`);
    const target = /** @type {HTMLElement | null} */ (node?.querySelector("a, button") ?? node);
    (target ?? this.container).focus({ preventScroll: true });
  }
}

const LONG = 400;

/**
 * Show a JSON value: folded below some levels, and coloured.
 * @param {unknown} value
 * @param {string} [name]
 * @param {number} [levels] how many of them are open
 * @returns {HTMLElement}
 */
export function json(value, name, levels = 1) {
  return el("div", { class: "json" }, member(value, name, levels));
}

/** @param {unknown} value @param {string | undefined} name @param {number} levels @returns {HTMLElement} */
function member(value, name, levels) {
  const key = name === undefined ? null : [el("span", { class: "json-key" }, name), ": "];
  if (typeof value !== "object" || value === null) return el("div", key, scalar(value));
  const entries = Object.entries(value), isList = Array.isArray(value);
  const [left, right] = isList ? ["[", "]"] : ["{", "}"];
  if (entries.length === 0) return el("div", key, left + right);
  const inner = el("div", { class: "json-members" });
  const folded = el("details", { open: levels > 0 }, el(
    "summary", key, left, el("span", { class: "json-count" }, counted(entries.length, isList)), right,
  ), inner);
  const show = () => {
    if (folded.open && !inner.firstChild) {
      append(inner, entries.map(([key, one]) => member(one, isList ? undefined : key, levels - 1)));
    }
  };
  folded.addEventListener("toggle", show);
  show();
  return folded;
}

/** @param {number} count @param {boolean} isList */
function counted(count, isList) {
  const what = isList ? "item" : "member";
  return ` ${count} ${what}${count === 1 ? "" : "s"} `;
}

/** @param {unknown} value @returns {Child} */
function scalar(value) {
  const kind = value === null ? "null" : typeof value;
  const text = JSON.stringify(value) ?? String(value);
  if (text.length <= LONG) return el("span", { class: `json-${kind}` }, text);
  return el("details", { class: "json-long" },
    el("summary", el("span", { class: `json-${kind}` }, `${text.slice(0, LONG / 4)}…`),
      el("span", { class: "json-count" }, ` ${text.length} characters`)),
    el("span", { class: `json-${kind}` }, text));
}

/**
 * A button that copies a text.
 * @param {string} label
 * @param {string | (() => string)} text
 * @returns {HTMLButtonElement}
 */
export function copyButton(label, text) {
  const button = el("button", { class: "button small", type: "button" }, label);
  button.addEventListener("click", async () => {
    const isCopied = await copy(typeof text === "function" ? text() : text);
    fill(button, isCopied ? "Copied" : "Not allowed");
    setTimeout(() => fill(button, label), 1500);
  });
  return button;
}

/** @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

/** Pages that are not of this machine have no clipboard. @param {string} text */
function copyBySelection(text) {
  const area = el("textarea", { class: "unseen", "aria-hidden": "true" });
  const before = /** @type {HTMLElement | null} */ (document.activeElement);
  area.value = text;
  document.body.appendChild(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  before?.focus();
  return isCopied;
}

/**
 * The time of day, in UTC; the title has the date.
 * @param {string | null | undefined} iso
 * @param {{date?: boolean}} [options]
 */
export function time(iso, options) {
  if (!iso) return el("span", "–");
  const clock = iso.slice(11, 23).replace(/Z$/, ""), day = iso.slice(0, 10);
  return el("time", { datetime: iso, title: `${iso.replace("T", " ").replace("Z", "")} UTC` },
    options?.date ? `${day} ${clock}` : clock);
}

const UNITS = /** @type {const} */ ([["d", 86400], ["h", 3600], ["min", 60]]);

/** A length of time in words: `0.4 s`, `2 min 5 s`, `6 d 4 h`. @param {number} seconds @returns {string} */
export function duration(seconds) {
  const length = Math.abs(seconds), sign = seconds < 0 ? "−" : "";
  if (length < 1) return `${sign}${Math.round(length * 1000)} ms`;
  if (length < 60) return `${sign}${Number(length.toFixed(length < 10 ? 1 : 0))} s`;
  let rest = Math.round(length);
  const parts = [];
  for (const [unit, size] of UNITS) {
    if (rest >= size) parts.push(`${Math.floor(rest / size)} ${unit}`);
    rest %= size;
  }
  if (rest) parts.push(`${rest} s`);
  return sign + parts.slice(0, 2).join(" ");
}

/** An amount in US dollars. @param {string | number | null | undefined} usd @returns {string} */
export function money(usd) {
  return usd === null || usd === undefined ? "no price" : `$${usd}`;
}
