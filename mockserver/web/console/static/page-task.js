// The page of a task: its story, what was sent, its webhooks and results, and what can be done.

import { Problem } from "./api.js";
import { attemptDetail, differsFlag, outcomeBadge, titleOf } from "./attempt.js";
import { copyButton, duration, el, fill, json, money, time } from "./dom.js";
import { expiry, fileFigure, promised } from "./result-files.js";
import { stateBadge, storyList } from "./story.js";

/** @typedef {import("./app.js").Context} Context */
/** @typedef {import("./stream.js").MockEvent} MockEvent */
/** @typedef {{task: any, scenarios: string[], request: any, events: MockEvent[],
 *   deliveries: import("./attempt.js").Attempt[], files: import("./result-files.js").Files | null,
 *   curl: Record<string, string>}} Story */

const ENDED = ["SUCCESS", "FAILURE", "TIMEOUT", "CANCELLED"];
/** The documented values of `failure_reason`, and what they ask of the app. */
const REASONS = [
  ["CONTENT_MODERATION", "do not retry"], ["INVALID_PARAMETERS", "mend the request, then retry"],
  ["INSUFFICIENT_POINTS", "recharge"], ["", "null: transient, retry"],
];
const LINES = [["query", "Poll it"], ["cancel", "Cancel it as the app"], ["submit", "Submit the same again"]];

class TaskPage {
  /** @param {HTMLElement} main @param {Context} context */
  constructor(main, context) {
    this.main = main;
    this.context = context;
    this.id = context.place.taskId;
    /** @type {Map<string, string>} what each part shows, as JSON */
    this.shown = new Map();
    /** @type {Record<string, HTMLElement>} */
    this.parts = {};
    /** @type {Promise<void> | null} */
    this.reading = null;
    this.isStale = false;
    this.countdown = el("span");
    this.ends = NaN;
    setInterval(() => this.tick(), 250);
  }

  /** Read the story; what happens meanwhile has it read once more. @returns {Promise<void>} */
  reload() {
    this.isStale = true;
    this.reading ??= this.read().finally(() => { this.reading = null; });
    return this.reading;
  }

  async read() {
    try {
      while (this.isStale) {
        this.isStale = false;
        this.draw(await this.context.api.get(`tasks/${encodeURIComponent(this.id)}/story`));
      }
    } catch (error) {
      if (!(error instanceof Problem && error.status === 404)) throw error;
      this.gone();
    }
  }

  /** @param {MockEvent[]} list */
  events(list) {
    const own = list.filter((one) => one.sandbox === this.context.sandbox);
    if (own.some((one) => one.data.taskId === this.id || ["clock", "settings"].includes(one.kind))) {
      this.reload().catch(this.context.failed);
    }
  }

  gone() {
    this.shown.clear();
    this.parts = {};
    fill(this.main, el("h1", "Task"), el("div", { class: "card empty" },
      el("p", "There is no task ", el("code", this.id), " in this sandbox."),
      el("p", "A reset forgets tasks, and so does a full sandbox (--max-tasks). Perhaps the task is in another sandbox: choose it above, or look at ",
        el("a", { href: this.context.link("now") }, "all tasks of this one"), ".")));
  }

  layout() {
    for (const name of ["head", "story", "request", "webhook", "files", "curl"]) {
      this.parts[name] = el("section", { class: `card part-${name}`, "aria-label": name });
    }
    this.parts.head.setAttribute("aria-label", "What it is, and what can be done");
    const { head, story, request, webhook, files, curl } = this.parts;
    fill(this.main, el("h1", "Task ", el("code", { class: "task-id" }, this.id), " ", copyButton("Copy", this.id)),
      head, el("div", { class: "task" },
        el("div", { class: "column" }, story, curl), el("div", { class: "column" }, files, webhook, request)));
  }

  /** @param {Story} story */
  draw(story) {
    if (!this.parts.head) this.layout();
    const { task } = story, { status } = task;
    const end = task.timeline.findLast((/** @type {any} */ one) => one.event === "status");
    this.ends = end.past || !end.at || !ENDED.includes(end.status) ? NaN : Date.parse(end.at);
    const clock = this.context.clock();
    const head = [task, story.scenarios, story.files?.state];
    this.part("head", head, () => [this.facts(story, end), this.buttons(story)]);
    this.part("story", [story.events, task.timeline, clock.frozen ? clock.now : null], () => [
      el("h2", "Story"), storyList(story, this.context)]);
    this.part("files", [story.files, status], () => this.files(story));
    this.part("webhook", [story.deliveries, task.callBackUrl, task.timeline], () => this.webhook(story));
    this.part("request", [story.request, task.input], () => this.request(story));
    this.part("curl", story.curl, () => [el("h2", "From a terminal"), this.lines(story)]);
    this.tick();
  }

  /**
   * Make a part anew if what it shows has changed; what is open and focused stays so.
   * @param {string} name @param {unknown} what @param {() => any} make
   */
  part(name, what, make) {
    const text = JSON.stringify(what), node = this.parts[name];
    if (this.shown.get(name) === text) return;
    this.shown.set(name, text);
    const keyed = () => [...node.querySelectorAll("[data-key]")].map((one) => /** @type {any} */ (one));
    const open = new Map(keyed().map((one) => [one.dataset.key, one.open]));
    const values = new Map(keyed().map((one) => [one.dataset.key, one.value]));
    const focused = node.contains(document.activeElement) && /** @type {any} */ (document.activeElement).closest("[data-key]")?.dataset.key;
    fill(node, make());
    for (const one of keyed()) {
      if (open.get(one.dataset.key) !== undefined) one.open = open.get(one.dataset.key);
      if (one.tagName === "SELECT" && values.has(one.dataset.key)) one.value = values.get(one.dataset.key);
      if (one.dataset.key === focused) (one.tagName === "DETAILS" ? one.querySelector("summary") : one).focus();
    }
  }

  tick() {
    if (Number.isNaN(this.ends)) return;
    const left = (this.ends - this.context.now()) / 1000;
    this.countdown.textContent = left > 0 ? `ends in ${duration(left)}` : "ends now";
  }

  // -- head -----------------------------------------------------------------------------------

  /** @param {Story} story @param {any} end the last state of its plan */
  facts(story, end) {
    const { task } = story, hasEnded = ENDED.includes(task.status);
    const cost = task.cost_usd === null ? "no published price" : money(task.cost_usd);
    const neverEnds = !hasEnded && !ENDED.includes(end.status);
    fill(this.countdown, !hasEnded && (neverEnds ? "never ends by itself" : !end.at && "polls decide when it ends"));
    return el("dl", { class: "task-facts" },
      fact("State", stateBadge(task.status), task.failure_reason && el("code", task.failure_reason), this.countdown),
      fact("Model", el("a", { href: this.context.link("contract", task.input.model) }, task.input.model)),
      fact(hasEnded ? "Cost" : "Cost if it ends as planned", cost),
      fact("Submitted", time(task.created_at, { date: true })),
      hasEnded && fact("Ended", time(task.updated_at, { date: true })),
      task.user_id !== null && fact("user_id", el("code", task.user_id)),
      story.scenarios.length > 0 && fact("Scenarios", story.scenarios.map((name) => el("span", { class: "badge" }, name))));
  }

  /** @param {Story} story */
  buttons(story) {
    const { task, files } = story, path = `tasks/${encodeURIComponent(this.id)}`;
    const isRunning = !ENDED.includes(task.status);
    /** @param {string} label @param {string} action @param {string} title @param {boolean} isPossible @param {() => any} [body] */
    const button = (label, action, title, isPossible, body) => el("button", {
      class: "button", type: "button", title, disabled: !isPossible, "data-key": action,
      onclick: () => this.do(action, "POST", `${path}/${action}`, body?.()),
    }, label);
    const reason = el("select", { "aria-label": "failure_reason", disabled: !isRunning, "data-key": "reason" },
      REASONS.map(([value, advice]) => el("option", { value }, value ? `${value} (${advice})` : advice)));
    return el("div", { class: "task-buttons" },
      el("div", { class: "buttons", role: "group", "aria-label": "End the task now" },
        button("Finish", "finish", "End it in SUCCESS now", isRunning),
        button("Time out", "timeout", "End it in TIMEOUT now", isRunning),
        button("Cancel", "cancel", "End it in CANCELLED now, whatever its state", isRunning)),
      el("div", { class: "buttons fail", role: "group", "aria-label": "Let the task fail now" },
        button("Fail", "fail", "End it in FAILURE now, with this reason", isRunning, () => ({ reason: reason.value || null })), reason),
      el("div", { class: "buttons", role: "group", "aria-label": "Time" },
        el("button", {
          class: "button", type: "button", "data-key": "to-end", disabled: Number.isNaN(this.ends),
          title: "Move the clock of the sandbox to the end of this task",
          onclick: () => this.do("to-end", "POST", "clock", { advance_until: { task: this.id, status: this.planned(task) } }),
        }, "Clock to its end"),
        button("Expire results", "expire", "Let the URLs of its results expire now", files?.state === "there")));
  }

  /** @param {any} task @returns {string} */
  planned(task) {
    return task.timeline.findLast((/** @type {any} */ one) => one.event === "status").status;
  }

  /** @param {string} action @param {string} method @param {string} path @param {any} [body] */
  async do(action, method, path, body) {
    const done = await this.context.act(method, path, body);
    if (!done) return;
    await this.reload();
    const state = this.main.querySelector(".task-facts .badge")?.textContent;
    this.context.say(action === "expire" ? "The results have expired" : `The task is ${state}`);
  }

  // -- the other parts ------------------------------------------------------------------------

  /** @param {Story} story */
  files(story) {
    const { files, task } = story;
    if (!files) {
      const why = ENDED.includes(task.status) ? `A task that ended in ${task.status} has none.` : "There are none before it has succeeded.";
      return [el("h2", "Results"), el("p", { class: "muted" }, why)];
    }
    const what = files.type === "video" ? "video" : "picture";
    const urls = task.result.urls.map((/** @type {string} */ url) => el("li", el("code", url), " ", copyButton("Copy", url)));
    return [el("h2", `${files.count} ${what}${files.count === 1 ? "" : "s"}`),
      el("p", { class: "facts" }, el("span", `promised ${promised(files)}`),
        files.ratio && el("span", `${files.ratio} at ${files.resolution}`), expiry(files)),
      el("div", { class: "files" }, task.result.urls.map((/** @type {string} */ _, /** @type {number} */ index) => fileFigure(this.id, index, files, this.context))),
      el("details", { "data-key": "urls" }, el("summary", `URLs as the app gets them`), el("ul", { class: "plain urls" }, urls))];
  }

  /** @param {Story} story */
  webhook(story) {
    const { task, deliveries } = story, url = task.callBackUrl;
    if (!url) {
      const inbox = `${location.origin}/__mock/inbox/app`;
      return [el("h2", "Webhook"), el("p", { class: "muted" }, "It was submitted without a callBackUrl, so there is none."),
        el("p", { class: "muted" }, "No receiver yet? Send ", el("code", inbox), " as the callBackUrl: this mock receives, and shows what came under ",
          el("a", { href: this.context.link("webhooks") }, "Webhooks"), ".")];
    }
    const due = task.timeline.find((/** @type {any} */ one) => one.event === "webhook" && !one.past);
    return [el("h2", "Webhook"), el("p", { class: "address mono" }, url),
      due && el("p", `Attempt ${due.attempt} is due `, due.at ? ["at ", time(due.at, { date: true })] : "when a poll ends the task", "."),
      !due && !deliveries.length && el("p", { class: "muted" }, "No attempt was made, or the journal has forgotten it."),
      deliveries.map((one, index) => el("details", {
        class: "attempt-fold", "data-key": `attempt-${one.number}`, open: index === deliveries.length - 1,
      }, el("summary", el("span", `${titleOf(one)} `), outcomeBadge(one), " ",
        differsFlag(one), " ", time(one.at)), attemptDetail(one, this.context)))];
  }

  /** @param {Story} story */
  request(story) {
    const { request, task } = story;
    if (!request) {
      return [el("h2", "Request"), el("p", { class: "muted" }, "The journal has forgotten the request; this is what the task remembers of it."), unfolded(task.input)];
    }
    const said = request.response_headers["X-Mock-Warning"];
    return [el("h2", "Request as sent"),
      el("p", { class: "facts" }, el("a", { href: this.context.link("requests", request.number) }, `request ${request.number}`),
        time(request.at, { date: true }), request.headers["user-agent"] && el("span", request.headers["user-agent"])),
      said && el("p", el("span", { class: "flag" }, "Warning"), " ", said),
      request.warnings?.map((/** @type {any} */ one) => el("p", el("span", { class: "flag" }, one.kind), " ", one.text)),
      unfolded(request.body)];
  }

  /** @param {Story} story */
  lines(story) {
    return [el("p", { class: "muted" }, "With your key in ", el("code", "MAXAPI_API_KEY"), ":"),
      LINES.filter(([name]) => story.curl[name]).map(([name, label]) => el("div", { class: "line" },
        el("div", { class: "line-title" }, el("h3", label), copyButton("Copy", story.curl[name])),
        el("pre", { tabindex: "0", "aria-label": label }, el("code", story.curl[name]))))];
  }
}

/** A JSON value, open down to the members of its members. @param {unknown} value */
function unfolded(value) {
  const node = json(value);
  for (const inner of node.querySelectorAll("details > .json-members > details")) inner.setAttribute("open", "");
  return node;
}

/** @param {string} name @param {...any} values */
function fact(name, ...values) {
  return el("div", el("dt", name), el("dd", values));
}

/** @param {HTMLElement} main @param {Context} context */
export async function start(main, context) {
  const page = new TaskPage(main, context);
  await page.reload();
  return { events: (/** @type {MockEvent[]} */ list) => page.events(list), reload: () => page.reload() };
}
