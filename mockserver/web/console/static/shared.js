// What several pages do in the same way: catch up with events, and move through rows.

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

/** Whether a click is meant for the row, not for its link or for a selection. @param {MouseEvent} event */
export function isForRow(event) {
  return !(event.ctrlKey || event.metaKey || event.shiftKey || getSelection()?.toString());
}

/**
 * Return the index of the row that a key leads to; null if it leads nowhere.
 *
 * @param {KeyboardEvent} event @param {number} at @param {number} count
 */
export function steppedTo(event, at, count) {
  const steps = /** @type {Record<string, number>} */ ({ ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity });
  const step = steps[event.key];
  if (step === undefined || event.ctrlKey || event.altKey || event.metaKey || !count) return null;
  event.preventDefault();
  return Math.min(count - 1, Math.max(0, at + step));
}
