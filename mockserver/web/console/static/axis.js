// An axis of time around a moment: where a time is in pixels, and what stands at the axis.

import { duration, el, fill } from "./dom.js";

const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
const LONGEST = 366 * DAY;
/** Lengths of time that the axis can show, in milliseconds. */
export const SPANS = [
  2 * SECOND, 5 * SECOND, 10 * SECOND, 20 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE,
  10 * MINUTE, 20 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY,
  14 * DAY, 30 * DAY, 90 * DAY, LONGEST,
];
const STEPS = [
  100, 200, 500, SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND, MINUTE,
  2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 6 * HOUR, 12 * HOUR,
  DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 90 * DAY, LONGEST,
];
/** The shares of the width that can be past: few, so that the moment does not wander. */
const SHARES = [0.2, 0.35, 0.5, 0.65, 0.8];
const MARGIN = 1.12;
/** Pixels between two ticks, at least. */
const APART = 84;
/** Pixels of the moment's label, and of that of a tick. */
const LABEL = 120;

export class Axis {
  constructor() {
    this.width = 600;
    this.span = 10 * SECOND;
    /** The share of the width that is past. */
    this.past = 0.65;
    /** Milliseconds by which the view is moved into the future. */
    this.pan = 0;
  }

  /** Pixels of a millisecond. */
  get scale() {
    return this.width / this.span;
  }

  /** Where a time is. @param {number} ms from the moment */
  x(ms) {
    return this.width * this.past + (ms - this.pan) * this.scale;
  }

  /**
   * Show all from *earliest* to *latest*, with the moment if it is not far from them.
   * @param {number} earliest in milliseconds from the moment @param {number} latest
   */
  fit(earliest, latest) {
    const extent = Math.max(latest - earliest, SECOND), isNear = -latest < 4 * extent;
    const before = Math.max(-earliest, 0), after = Math.max(latest, 0);
    let needed = extent * 1.3;
    if (isNear) {
      const share = before / (before + after || 1);
      this.past = SHARES.reduce((a, b) => (Math.abs(b - share) < Math.abs(a - share) ? b : a));
      needed = Math.max(before / this.past, after / (1 - this.past)) * MARGIN;
    }
    this.span = SPANS.find((span) => span >= needed) ?? LONGEST;
    this.pan = isNear ? 0 : (earliest + latest) / 2 + (this.past - 0.5) * this.span;
  }

  /** @param {1 | -1} direction */
  zoom(direction) {
    const index = SPANS.findIndex((span) => span >= this.span) + direction;
    this.span = SPANS[Math.min(Math.max(index, 0), SPANS.length - 1)];
  }

  /** Is a tick where the time of the moment is written? @param {number} at */
  isCovered(at) {
    const x = this.x(0), distance = (at * this.scale) * (x > this.width / 2 ? -1 : 1);
    return distance >= 0 && distance < LABEL;
  }

  /** Write the ticks, each with its distance from the moment. @param {HTMLElement} node */
  draw(node) {
    const step = STEPS.find((one) => one * this.scale >= APART) ?? LONGEST;
    const left = this.pan - this.span * this.past, ticks = [];
    for (let at = Math.ceil(left / step) * step; at <= left + this.span; at += step) {
      if (this.isCovered(at)) continue;
      const tick = el("span", { class: "tick" }, `${at < 0 ? "−" : "+"}${duration(Math.abs(at) / 1000)}`);
      tick.style.setProperty("left", `${this.x(at)}px`);
      ticks.push(tick);
    }
    fill(node, ticks);
  }
}
