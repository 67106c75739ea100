// What several pages do in the same way: catch up with events, and show a list beside what is open.

import { el, VirtualList } from "./dom.js";

/**
 * Make a function that reads what is new, at most once in *pause* milliseconds; while it reads,
 * further calls are remembered as one.
 *
 * @param {() => Promise<unknown>} read @param {number} pause @param {(error: unknown) => void} failed
 */
export function catchingUp(read, pause, failed) {
  let isBehind = false, isReading = false;
  return async () => {
    isBehind = true;
    if (isReading) return;
    isReading = true;
    try {
      while (isBehind) {
        isBehind = false;
        await read();
        await new Promise((resolve) => { setTimeout(resolve, pause); });
      }
    } catch (error) {
      failed(error);
    } finally {
      isReading = false;
    }
  };
}

/**
 * A list of what has numbers, the latest first, and beside it the detail of the one that is open.
 *
 * @template {{number: number}} Item
 */
export class ListBesideDetail {
  /**
   * @param {{
   *   kind: string, title: string, rowHeight: number,
   *   columns: string[][], cells: (item: Item) => HTMLElement[],
   *   rowAttributes?: (item: Item) => Record<string, any>,
   *   open: (item: Item) => unknown, close: () => void, tell: (item: Item) => void,
   * }} options *kind* is the start of its classes; *columns* are classes and names of cells;
   *   *tell* says to people who hear the page which item the keys have opened
   */
  constructor(options) {
    const { kind, title, rowHeight } = options;
    this.options = options;
    /** @type {readonly Item[]} */
    this.shown = [];
    this.selected = 0;
    this.rows = el("div", { class: `list-rows ${kind}-rows`, role: "rowgroup", tabindex: "0", "aria-label": `${title}; the arrow keys open them` });
    this.table = el("div", { class: "list-table", role: "table", "aria-label": `${title}, the latest first` }, this.heading(), this.rows);
    this.empty = el("div", { class: "card empty" });
    this.detail = el("div", { class: `${kind}-detail` });
    this.node = el("div", { class: "list-beside-detail" }, el("div", { class: `list ${kind}-list` }, this.table, this.empty), this.detail);
    this.list = new VirtualList(this.rows, { rowHeight, row: (/** @type {Item} */ item) => this.row(item) });
    this.rows.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.pressed(event));
    addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.selected && !event.defaultPrevented) options.close();
    });
  }

  heading() {
    const { kind, columns } = this.options;
    return el("div", { role: "rowgroup" }, el("div", { role: "row", class: `list-heading ${kind}-heading` },
      columns.map(([name, text]) => el("span", { role: "columnheader", class: name }, text))));
  }

  /** @param {Item} item @returns {HTMLElement} */
  row(item) {
    const { kind, cells, rowAttributes } = this.options;
    return el("div", {
      role: "row", class: `list-row ${kind}-row`, "data-number": item.number, ...rowAttributes?.(item),
      "aria-current": item.number === this.selected ? "true" : null,
      onclick: (/** @type {MouseEvent} */ event) => this.clicked(event, item),
    }, cells(item));
  }

  /** @param {readonly Item[]} items the latest first @param {number} added how many of them came at the top */
  draw(items, added) {
    this.shown = items;
    this.table.hidden = !items.length;
    this.empty.hidden = items.length > 0;
    const { scrollTop } = this.rows;
    this.list.set(items);
    if (added && scrollTop) this.rows.scrollTop = scrollTop + added * this.options.rowHeight; // what is read stays in place
    this.table.setAttribute("aria-rowcount", String(items.length + 1));
  }

  /** Mark the item that is open; 0: none is. @param {number} number */
  mark(number) {
    this.selected = number;
    this.node.toggleAttribute("data-open", number > 0);
    for (const [item, node] of this.list.rows) {
      if (item.number === number) node.setAttribute("aria-current", "true");
      else node.removeAttribute("aria-current");
    }
    this.list.draw();
  }

  /** @param {MouseEvent} event @param {Item} item */
  clicked(event, item) {
    if (!isForRow(event)) return;
    event.preventDefault();
    this.options.open(item);
  }

  /** @param {KeyboardEvent} event */
  pressed(event) {
    const at = this.shown.findIndex((one) => one.number === this.selected);
    const index = steppedTo(event, at, this.shown.length);
    if (index === null) return;
    this.list.reveal(index);
    this.options.open(this.shown[index]);
    this.options.tell(this.shown[index]);
  }
}

/** Whether a click is meant for the row, not for its link or for a selection. @param {MouseEvent} event */
function isForRow(event) {
  return !(event.ctrlKey || event.metaKey || event.shiftKey || getSelection()?.toString());
}

/**
 * Return the index of the row that a key leads to; null if it leads nowhere.
 *
 * @param {KeyboardEvent} event @param {number} at @param {number} count
 */
function steppedTo(event, at, count) {
  const steps = /** @type {Record<string, number>} */ ({ ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity });
  const step = steps[event.key];
  if (step === undefined || event.ctrlKey || event.altKey || event.metaKey || !count) return null;
  event.preventDefault();
  return Math.min(count - 1, Math.max(0, at + step));
}
