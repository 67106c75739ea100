// The shell of every page: sandbox, clock, stream, and what was clicked as curl and as Python.

import { Api, Problem } from "./api.js";
import { copyButton, el, fill, time } from "./dom.js";
import { Stream } from "./stream.js";

/** @typedef {import("./stream.js").MockEvent} MockEvent */
/** @typedef {{events?: (list: MockEvent[]) => void, reload?: () => unknown}} Started */
/** @typedef {{now: string, speed: number, frozen: boolean}} Clock */
/** @typedef {{id: string, key: string | null, label: string | null, tasks: Record<string, number>,
 *   requests: number, last_event: number | null, last_at: string | null, clock: Clock,
 *   spent_usd: string}} Sandbox */
/** @typedef {{sandbox: string, api: Api, place: Record<string, string>, sandboxes: Sandbox[],
 *   go: (address: string) => void, say: (text: string) => void,
 *   link: (page: string, ...parts: (string | number)[]) => string, now: () => number,
 *   clock: () => Clock, failed: (error: unknown) => void,
 *   title: (sandbox: Sandbox) => string, readSandboxes: () => Promise<Sandbox[]>,
 *   act: (method: string, path: string, body?: any) => Promise<any>}} Context */

/** @param {string} id @returns {any} */
const byId = (id) => document.getElementById(id);
const paths = JSON.parse(document.body.dataset.paths ?? "{}");

/** Milliseconds between two looks at what the chooser says. */
const PAUSE = 3000;

/** The clock of the sandbox as it was read last. */
const shown = { now: Date.now(), at: performance.now(), speed: 1, frozen: false };

/** @param {string} page @param {...(string | number)} parts */
function link(page, ...parts) {
  const below = parts.map((part) => String(part).split("/").map(encodeURIComponent).join("/"));
  const path = [String(paths[page]).replace(/\/$/, ""), ...below].join("/");
  return `${path}${below.length || page !== "now" ? "" : "/"}?sandbox=${encodeURIComponent(context.sandbox)}`;
}

/** @param {string} text */
function say(text) {
  byId("said").textContent = "";
  requestAnimationFrame(() => { byId("said").textContent = text; });
}

/** Show why something was not done. @param {unknown} error */
function failed(error) {
  const text = error instanceof Problem ? error.msg : String(error);
  fill(byId("sent"), el("div", { class: "sent-line problem", role: "alert" }, text, closeButton()));
  byId("sent").hidden = false;
}

/** Change something; a problem is shown, and is the end of it. @type {Context["act"]} */
async function act(method, path, body) {
  try {
    return await context.api.send(method, path, body);
  } catch (error) {
    failed(error);
    return null;
  }
}

/** @type {Context} */
const context = {
  sandbox: "",
  api: new Api(""),
  place: JSON.parse(document.body.dataset.place ?? "{}"),
  sandboxes: [],
  go: (address) => location.assign(address),
  say,
  link,
  now: () => shown.now + (performance.now() - shown.at) * shown.speed,
  clock: () => ({ now: new Date(context.now()).toISOString(), speed: shown.speed, frozen: shown.frozen }),
  failed,
  act,
  readSandboxes,
  title: (one) => one.label
    ?? (one.key === null ? "Requests without a key" : `Key ${one.key} (${one.id.slice(0, 8)})`),
};

// -- the sandbox ------------------------------------------------------------------------------

/** @param {Sandbox} one */
function nameOf(one) {
  const tasks = Object.values(one.tasks).reduce((sum, count) => sum + count, 0);
  return `${context.title(one)} · ${tasks} task${tasks === 1 ? "" : "s"}`;
}

/** The id that is asked for or, without one, that of the latest activity. */
function chosenSandbox() {
  const asked = new URLSearchParams(location.search).get("sandbox");
  if (context.sandboxes.some((one) => one.id === asked)) return String(asked);
  const latest = [...context.sandboxes].sort((a, b) => (b.last_event ?? 0) - (a.last_event ?? 0))[0];
  if (asked) say("That sandbox is gone; this is the one with the latest activity.");
  return latest?.id ?? "";
}

async function readSandboxes() {
  lastRead = performance.now();
  context.sandboxes = (await context.api.get("sandboxes")).sandboxes;
  showSandboxes();
  return context.sandboxes;
}

let lastRead = 0;

/** Read them again, if that was long ago. */
function refreshSandboxes() {
  if (performance.now() - lastRead > PAUSE) readSandboxes().catch(failed);
}

function showSandboxes() {
  if (document.activeElement === byId("sandboxes")) return; // somebody is choosing
  fill(byId("sandboxes"), [...context.sandboxes].reverse().map((one) => el(
    "option", { value: one.id, selected: one.id === context.sandbox }, nameOf(one),
  )));
}

/** @param {string} id */
function addressOf(id) {
  const address = new URL(location.href);
  address.searchParams.set("sandbox", id);
  return address;
}

/** What an address says of one sandbox is unknown in another. @param {string} id */
function change(id) {
  const page = document.body.dataset.page === "task" ? "now" : String(document.body.dataset.page);
  context.sandbox = id;
  location.assign(link(page));
}

function keepSandbox() {
  history.replaceState(null, "", addressOf(context.sandbox));
  for (const one of document.querySelectorAll("a[data-keeps-sandbox]")) {
    const address = new URL(/** @type {HTMLAnchorElement} */ (one).href);
    address.searchParams.set("sandbox", context.sandbox);
    /** @type {HTMLAnchorElement} */ (one).href = address.pathname + address.search;
  }
}

// -- the clock --------------------------------------------------------------------------------

/** @param {Clock} clock */
function showClock(clock) {
  Object.assign(shown, {
    now: Date.parse(clock.now), at: performance.now(), speed: clock.speed, frozen: clock.frozen,
  });
  const band = byId("band");
  if (!clock.frozen) {
    band.hidden = true;
    return;
  }
  if (band.hidden) {
    fill(band, el("span", "The clock stands still at ", el("span", { class: "band-time" }),
      "; nothing happens until it is moved."),
      el("button", { class: "button small", type: "button", onclick: () => act("POST", "clock", { run: true }) }, "Run"),
      el("button", { class: "button small", type: "button", onclick: () => act("POST", "clock", { advance: "1m" }) }, "+1 min"));
  }
  fill(band.querySelector(".band-time"), time(clock.now, { date: true }));
  band.hidden = false;
}

const readClock = async () => showClock(await context.api.get("clock"));

/** @param {MockEvent[]} list */
function followClock(list) {
  const own = list.filter((one) => one.sandbox === context.sandbox);
  const moved = own.filter((one) => one.kind === "clock" || one.kind === "reset").at(-1);
  if (moved?.kind === "clock") showClock(moved.data);
  else if (moved) readClock().catch(failed);
}

// -- what was clicked -------------------------------------------------------------------------

let language = "curl";

function closeButton() {
  return el("button", {
    class: "button small", type: "button", "aria-label": "Close",
    onclick: () => { byId("sent").hidden = true; },
  }, "×");
}

/** @param {import("./api.js").Sent} sent */
function showSent(sent) {
  const { method, path, body } = sent;
  const text = language === "curl"
    ? context.api.asCurl(method, path, body) : context.api.asPython(method, path, body);
  const choice = ["curl", "Python"].map((name) => el("button", {
    class: "button small", type: "button", "aria-pressed": String(name === language),
    onclick: () => {
      language = name;
      showSent(sent);
      byId("sent").querySelector('[aria-pressed="true"]').focus();
    },
  }, name));
  fill(byId("sent"), el("div", { class: "sent-line" },
    el("span", { class: "sent-title" }, "The same by"), el("span", { class: "choice" }, choice),
    copyButton("Copy", text), closeButton()),
  el("pre", { tabindex: "0", "aria-label": `As ${language}` }, el("code", text)));
  byId("sent").hidden = false;
}

// -- the stream -------------------------------------------------------------------------------

const STATES = { connecting: "connecting", live: "live", lost: "no connection" };

/** @param {keyof typeof STATES} state */
function showState(state) {
  const node = byId("stream");
  node.dataset.state = state;
  if (node.textContent !== STATES[state]) node.textContent = STATES[state];
}

/**
 * @param {Started} page @param {boolean} hearsAll @param {number} since
 * @param {boolean} waits whether the first sandbox in which something happens is to be shown
 */
function follow(page, hearsAll, since, waits) {
  const reload = async () => {
    try {
      await readSandboxes();
      if (!context.sandboxes.some((one) => one.id === context.sandbox)) {
        location.reload(); // the mock is another one
        return;
      }
      await readClock();
      await page.reload?.();
    } catch (error) {
      if (!(error instanceof Problem && error.status === 0)) failed(error);
    }
  };
  return new Stream(hearsAll || waits ? null : context.sandbox, since, {
    state: showState,
    missed: reload,
    events: (list) => {
      const other = waits && list.find((one) => one.sandbox !== context.sandbox);
      if (other) {
        change(other.sandbox);
        return;
      }
      followClock(list);
      refreshSandboxes();
      page.events?.(list);
      if (list.some((one) => one.kind === "reset" && one.sandbox === context.sandbox)) reload();
    },
  });
}

// -- the beginning ----------------------------------------------------------------------------

async function begin() {
  context.sandboxes = (await context.api.get("sandboxes")).sandboxes;
  context.sandbox = chosenSandbox();
  const own = context.sandboxes.find((one) => one.id === context.sandbox);
  if (own) showClock(own.clock);
  context.api = new Api(context.sandbox);
  context.api.onsent = showSent;
  showSandboxes();
  byId("sandboxes").addEventListener("change", (/** @type {any} */ event) => change(event.target.value));
  const page = await import(`./page-${document.body.dataset.page}.js`);
  const hearsAll = page.hearsAll === true;
  const whose = hearsAll ? "all=true&" : "";
  const { last } = await context.api.get(`events?${whose}limit=1`);
  const main = byId("main");
  /** @type {Started} */
  const started = (await page.start(main, context)) ?? {};
  const waits = !new URLSearchParams(location.search).has("sandbox") && !own?.last_event;
  const stream = follow(started, hearsAll, last, waits);
  if (!waits) keepSandbox();
  main.dataset.ready = "true";
  return stream;
}

byId("leave")?.addEventListener("click", async () => {
  await fetch("/__mock/session", { method: "DELETE" });
  location.reload();
});

begin().catch((error) => {
  showState("lost");
  failed(error);
});
