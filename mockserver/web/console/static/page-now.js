// The page Now: the tasks of the sandbox on one axis of time.

import { el, fill } from "./dom.js";

/** @param {HTMLElement} main @param {import("./app.js").Context} context */
export async function start(main, context) {
  const list = el("ul", { class: "plain" });
  fill(main, el("h1", "Now"), list);
  async function reload() {
    const { tasks } = await context.api.get("tasks");
    fill(list, tasks.map((/** @type {any} */ task) => el(
      "li", el("a", { href: context.link("task", task.taskId) }, task.taskId), " ", task.status,
    )));
    if (!tasks.length) fill(list, el("li", { class: "empty" }, "No tasks yet: submit one to this mock, and it appears here."));
  }
  await reload();
  return { events: reload, reload };
}
