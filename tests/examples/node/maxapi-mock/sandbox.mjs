import { randomUUID } from 'node:crypto';

import { controlOf, MockError } from './control.mjs';

/**
 * @import { ClockState, ContractWarning, Delivery, Duration, Event, Events, FoundRequests, HeldItem,
 *   InboxResponse, InboxWebhook, MockRequest, Moved, RequestMatch, Rule, RuleOptions,
 *   SandboxOptions, SandboxSettings, ScenarioText, Status, Task, TaskWithTimeline } from './types.d.mts'
 */
/** @typedef {(method: string, path: string, body?: unknown) => Promise<any>} Control */

const WAIT = 20; // real seconds that one request waits for the next event

/** The clock of a sandbox, on which everything in the mock depends. */
export class Clock {
  #control;

  /** @param {Control} control */
  constructor(control) {
    this.#control = control;
  }

  /** @returns {Promise<ClockState>} */
  state() {
    return this.#control('GET', 'clock');
  }

  /** Stops the clock. @returns {Promise<Moved>} */
  freeze() {
    return this.#control('POST', 'clock', { freeze: true });
  }

  /** Lets the clock run, so many times as fast as real time. @returns {Promise<Moved>} */
  run(speed = 1) {
    return this.#control('POST', 'clock', { run: true, speed });
  }

  /**
   * Moves the clock ahead by seconds, or by a text like `90s` or `7d`; whatever falls due on the
   * way has happened when this returns.
   *
   * @param {Duration} duration
   * @returns {Promise<Moved>}
   */
  advance(duration) {
    return this.#control('POST', 'clock', { advance: duration });
  }

  /**
   * Moves the clock until nothing more is due, or to the moment at which a task enters a state.
   *
   * @param {'idle' | { task: string, status: Status }} goal
   * @returns {Promise<Moved>}
   */
  advanceUntil(goal) {
    return this.#control('POST', 'clock', { advance_until: goal });
  }
}

/** A receiver that comes with the mock: give its `url` to the app as the `callBackUrl`. */
export class Inbox {
  #control;
  #path;

  /**
   * @param {Control} control
   * @param {string} url
   * @param {string} name
   */
  constructor(control, url, name) {
    this.#control = control;
    this.#path = `inbox/${encodeURIComponent(name)}`;
    this.name = name;
    this.url = `${url}/__mock/${this.#path}`;
  }

  /**
   * Chooses how it responds to the next webhooks; without `times`, to all.
   *
   * @param {InboxResponse} response
   * @returns {Promise<void>}
   */
  async respond(response) {
    await this.#control('PUT', this.#path, response);
  }

  /** Returns what came to it, oldest first. @returns {Promise<InboxWebhook[]>} */
  async webhooks() {
    return (await this.#control('GET', this.#path)).webhooks;
  }

  /** Forgets the inbox, and what came to it. @returns {Promise<void>} */
  async delete() {
    await this.#control('DELETE', this.#path);
  }
}

/** The isolated world of one API key in a mock; see `openSandbox`. */
export class Sandbox {
  /**
   * Calls a route of the control plane that has no method here.
   * @type {Control}
   */
  control;

  /** @param {SandboxOptions} [options] */
  constructor(options = {}) {
    const env = process.env;
    this.url = (options.url ?? env.MAXAPI_MOCK_URL ?? 'http://127.0.0.1:6290').replace(/\/+$/, '');
    this.baseUrl = options.baseUrl ?? (options.url === undefined && env.MAXAPI_BASE_URL || this.url);
    this.apiKey = options.apiKey ?? `node-${randomUUID()}`;
    const { controlToken = env.MAXAPI_MOCK_CONTROL_TOKEN, label } = options;
    this.control = controlOf(this.url, this.apiKey, { controlToken, label });
    this.clock = new Clock(this.control);
  }

  // -- what is to happen ---------------------------------------------------------------------

  /**
   * Applies scenarios (`unavailable`, `slow=90s, webhook-lost`) to the requests that match; with
   * `times`, to so many of them.
   *
   * @param {ScenarioText} scenario
   * @param {RuleOptions} [options]
   * @returns {Promise<Rule>}
   */
  scenario(scenario, { times = null, ...match } = {}) {
    return this.control('POST', 'rules', { scenario, times, match });
  }

  /** Returns the rules in order, and how often each has fired. @returns {Promise<Rule[]>} */
  async rules() {
    return (await this.control('GET', 'rules')).rules;
  }

  /**
   * Changes settings of the sandbox until a reset; returns all of them.
   *
   * @param {SandboxSettings} changes
   * @returns {Promise<Record<string, string>>}
   */
  async settings(changes) {
    return (await this.control('PATCH', 'settings', changes)).settings;
  }

  /** Makes a receiver for webhooks. */
  inbox(name = `inbox-${randomUUID()}`) {
    return new Inbox(this.control, this.url, name);
  }

  // -- time ----------------------------------------------------------------------------------

  /**
   * Moves the clock to the moment at which a task enters a state; returns the task then.
   *
   * @param {string} task
   * @param {Status} [status]
   * @returns {Promise<Task>}
   */
  async waitFor(task, status = 'SUCCESS') {
    return (await this.clock.advanceUntil({ task, status })).task ?? this.task(task);
  }

  /** Moves the clock until all tasks have ended and all webhooks are sent, given up or held. */
  waitUntilIdle() {
    return this.clock.advanceUntil('idle');
  }

  // -- what has happened ---------------------------------------------------------------------

  /** Returns the tasks, oldest first. @returns {Promise<Task[]>} */
  async tasks() {
    return (await this.control('GET', 'tasks')).tasks;
  }

  /**
   * Returns a task with its timeline, past and to come.
   *
   * @param {string} id
   * @returns {Promise<TaskWithTimeline>}
   */
  task(id) {
    return this.control('GET', `tasks/${encodeURIComponent(id)}`);
  }

  /**
   * Returns the app's requests that match, oldest first.
   *
   * @param {RequestMatch} [match]
   * @returns {Promise<MockRequest[]>}
   */
  async requests(match = {}) {
    return (await this.#find(match)).requests;
  }

  /**
   * Returns the requests that match; throws unless there is one or, with `times`, so many. The
   * message names those that come nearest, and what differs.
   *
   * @param {RequestMatch & { times?: number }} [expected]
   * @returns {Promise<MockRequest[]>}
   */
  async assertRequested({ times, ...match } = {}) {
    const { requests, near_misses: misses } = await this.#find(match);
    if (times === undefined ? requests.length > 0 : requests.length === times) return requests;
    const lines = misses.flatMap(({ request, differences }) => [
      `  near: ${request.method} ${request.path}`,
      ...differences.map((one) => `        ${one}`),
    ]);
    const wanted = `${JSON.stringify(match)}, expected ${times ?? 'at least 1'}`;
    throw new MockError([`${wanted}, seen ${requests.length}`, ...lines].join('\n'));
  }

  /** @param {RequestMatch} match @returns {Promise<FoundRequests>} */
  #find(match) {
    return this.control('POST', 'requests/find', match);
  }

  /** Returns the webhook attempts, oldest first. @returns {Promise<Delivery[]>} */
  async deliveries() {
    return (await this.control('GET', 'deliveries')).deliveries;
  }

  /**
   * Sends a webhook once more, with the same bytes and signature.
   *
   * @param {number} number that of its delivery
   * @returns {Promise<Delivery>}
   */
  resend(number) {
    return this.control('POST', `deliveries/${number}/resend`);
  }

  /** Returns what the app did against the contract. @returns {Promise<ContractWarning[]>} */
  async warnings() {
    return (await this.control('GET', 'warnings')).warnings;
  }

  /**
   * Returns the events after the number `since`, or the latest ones. If there are none, the first
   * one is waited for during `wait` real seconds, at most 60.
   *
   * @param {{ since?: number, limit?: number, wait?: number }} [options]
   * @returns {Promise<Events>}
   */
  events(options = {}) {
    const asked = Object.entries(options).map(([name, value]) => [name, String(value)]);
    return this.control('GET', `events?${new URLSearchParams(Object.fromEntries(asked))}`);
  }

  /**
   * Yields what happens as it happens, and first what has happened after the number `since`.
   *
   * @param {number} [since]
   * @returns {AsyncGenerator<Event, never, void>}
   */
  async *follow(since) {
    let last = since ?? (await this.events({ limit: 0 })).last;
    for (;;) {
      const found = await this.events({ since: last, wait: WAIT });
      last = found.last;
      yield* found.events;
    }
  }

  // -- what is held --------------------------------------------------------------------------

  /** Returns the responses and webhooks that are held. @returns {Promise<HeldItem[]>} */
  async held() {
    return (await this.control('GET', 'held')).held;
  }

  /**
   * Waits until something is held by a name; returns all that is held.
   *
   * @param {string} [name]
   * @param {{ count?: number, within?: Duration }} [options] `within` is real time
   * @returns {Promise<HeldItem[]>}
   */
  async waitUntilHeld(name = 'held', { count = 1, within = 10 } = {}) {
    const path = `held/${encodeURIComponent(name)}/wait`;
    return (await this.control('POST', path, { count, within })).held;
  }

  /**
   * Releases what was held by a name first, or all of it; returns it once it has been sent.
   *
   * @param {string} [name]
   * @param {{ all?: boolean, within?: Duration }} [options] `within` is real time
   * @returns {Promise<HeldItem[]>}
   */
  async release(name = 'held', { all = false, within = 10 } = {}) {
    const path = `held/${encodeURIComponent(name)}/release`;
    return (await this.control('POST', path, { all, within })).released;
  }

  /** Forgets tasks, rules, settings and journal; the clock keeps its moment and speed. */
  async reset() {
    await this.control('POST', 'reset', { keep: ['clock'] });
  }

  /** Forgets everything, the clock included: what a test does at its end. */
  async close() {
    await this.control('POST', 'reset');
  }
}

/**
 * Opens a sandbox, by default with a new key, at the mock of `MAXAPI_MOCK_URL`, which
 * `maxapi-mock run` sets; its clock stands still. Configure the app with its `baseUrl` and `apiKey`.
 *
 * @param {SandboxOptions} [options]
 * @returns {Promise<Sandbox>}
 */
export async function openSandbox(options = {}) {
  const sandbox = new Sandbox(options);
  await sandbox.clock.freeze();
  return sandbox;
}
