// The result files of a task: pictures and videos with their true pixels.

import { el, fill, time } from "./dom.js";

/** @typedef {import("./app.js").Context} Context */
/** @typedef {{type: string, count: number, ratio: string | null, resolution: string | null,
 *   width: number | null, height: number | null, at: string, expires_at: string,
 *   state: "there" | "expired" | "missing"}} Files */

const STATES = { there: "", expired: "expired", missing: "missing: apps get a 404" };

/** What the contract says of the size. @param {Files} files */
export function promised(files) {
  return files.width === null ? "size decided by an input image" : `${files.width} × ${files.height}`;
}

/** Whether, and when, the files expire. @param {Files} files */
export function expiry(files) {
  if (files.state !== "there") return el("span", { class: "flag" }, STATES[files.state]);
  return el("span", "until ", time(files.expires_at, { date: true }));
}

/** @param {string} taskId @param {number} index @param {Context} context */
function address(taskId, index, context) {
  const own = `/__mock/tasks/${encodeURIComponent(taskId)}/files/${index}`;
  return `${own}?sandbox=${encodeURIComponent(context.sandbox)}`;
}

/**
 * A file as it was made, with the size that the browser finds.
 * @param {string} taskId @param {number} index @param {Files} files @param {Context} context
 * @returns {HTMLElement}
 */
export function fileFigure(taskId, index, files, context) {
  const src = address(taskId, index, context), what = files.type === "video" ? "video" : "picture";
  const size = el("span", { class: "pixels" }, promised(files));
  /** @param {number} width @param {number} height */
  const measured = (width, height) => {
    const isAsPromised = files.width === null || (width === files.width && height === files.height);
    fill(size, `${width} × ${height}`, !isAsPromised && el("span", { class: "flag" }, `not ${promised(files)}`));
  };
  const name = `Result ${index + 1} of ${files.count}`;
  const failed = () => fill(size, el("span", { class: "problem" }, "cannot be shown"));
  const media = what === "video"
    ? el("video", {
      src, width: files.width, height: files.height, controls: true, muted: true, preload: "metadata", "aria-label": name, onerror: failed,
      onloadedmetadata: (/** @type {any} */ event) => measured(event.target.videoWidth, event.target.videoHeight),
    })
    : el("img", {
      src, width: files.width, height: files.height, alt: name, loading: "lazy", decoding: "async", onerror: failed,
      onload: (/** @type {any} */ event) => measured(event.target.naturalWidth, event.target.naturalHeight),
    });
  const shownMedia = what === "video" ? media
    : el("a", { href: src, target: "_blank", rel: "noreferrer", title: "Open it in its true size" }, media);
  return el("figure", { class: "file", "data-state": files.state }, shownMedia,
    el("figcaption", files.count > 1 && el("span", { class: "file-index" }, `${index + 1} of ${files.count}`), size));
}
