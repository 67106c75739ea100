import type { ClockState, ContractWarning, Delivery, Duration, Event, Events, HeldItem, InboxResponse, InboxWebhook, MockRequest, Moved, RequestMatch, Rule, RuleOptions, SandboxOptions, SandboxSettings, ScenarioText, Status, Task, TaskWithTimeline } from './types.d.mts';
export type Control = (method: string, path: string, body?: unknown) => Promise<any>;
/** The clock of a sandbox, on which everything in the mock depends. */
export declare class Clock {
    #private;
    /** @param {Control} control */
    constructor(control: Control);
    /** @returns {Promise<ClockState>} */
    state(): Promise<ClockState>;
    /** Stops the clock. @returns {Promise<Moved>} */
    freeze(): Promise<Moved>;
    /** Lets the clock run, so many times as fast as real time. @returns {Promise<Moved>} */
    run(speed?: number): Promise<Moved>;
    /**
     * Moves the clock ahead by seconds, or by a text like `90s` or `7d`; whatever falls due on the
     * way has happened when this returns.
     *
     * @param {Duration} duration
     * @returns {Promise<Moved>}
     */
    advance(duration: Duration): Promise<Moved>;
    /**
     * Moves the clock until nothing more is due, or to the moment at which a task enters a state.
     *
     * @param {'idle' | { task: string, status: Status }} goal
     * @returns {Promise<Moved>}
     */
    advanceUntil(goal: 'idle' | {
        task: string;
        status: Status;
    }): Promise<Moved>;
}
/** A receiver that comes with the mock: give its `url` to the app as the `callBackUrl`. */
export declare class Inbox {
    #private;
    name: string;
    url: string;
    /**
     * @param {Control} control
     * @param {string} url
     * @param {string} name
     */
    constructor(control: Control, url: string, name: string);
    /**
     * Chooses how it responds to the next webhooks; without `times`, to all.
     *
     * @param {InboxResponse} response
     * @returns {Promise<void>}
     */
    respond(response: InboxResponse): Promise<void>;
    /** Returns what came to it, oldest first. @returns {Promise<InboxWebhook[]>} */
    webhooks(): Promise<InboxWebhook[]>;
    /** Forgets the inbox, and what came to it. @returns {Promise<void>} */
    delete(): Promise<void>;
}
/** The isolated world of one API key in a mock; see `openSandbox`. */
export declare class Sandbox {
    #private;
    url: string;
    baseUrl: string;
    apiKey: string;
    clock: Clock;
    /**
     * Calls a route of the control plane that has no method here.
     * @type {Control}
     */
    control: Control;
    /** @param {SandboxOptions} [options] */
    constructor(options?: SandboxOptions);
    /**
     * Applies scenarios (`unavailable`, `slow=90s, webhook-lost`) to the requests that match; with
     * `times`, to so many of them.
     *
     * @param {ScenarioText} scenario
     * @param {RuleOptions} [options]
     * @returns {Promise<Rule>}
     */
    scenario(scenario: ScenarioText, { times, ...match }?: RuleOptions): Promise<Rule>;
    /** Returns the rules in order, and how often each has fired. @returns {Promise<Rule[]>} */
    rules(): Promise<Rule[]>;
    /**
     * Changes settings of the sandbox until a reset; returns all of them.
     *
     * @param {SandboxSettings} changes
     * @returns {Promise<Record<string, string>>}
     */
    settings(changes: SandboxSettings): Promise<Record<string, string>>;
    /** Makes a receiver for webhooks. */
    inbox(name?: string): Inbox;
    /**
     * Moves the clock to the moment at which a task enters a state; returns the task then.
     *
     * @param {string} task
     * @param {Status} [status]
     * @returns {Promise<Task>}
     */
    waitFor(task: string, status?: Status): Promise<Task>;
    /** Moves the clock until all tasks have ended and all webhooks are sent, given up or held. */
    waitUntilIdle(): Promise<Moved>;
    /** Returns the tasks, oldest first. @returns {Promise<Task[]>} */
    tasks(): Promise<Task[]>;
    /**
     * Returns a task with its timeline, past and to come.
     *
     * @param {string} id
     * @returns {Promise<TaskWithTimeline>}
     */
    task(id: string): Promise<TaskWithTimeline>;
    /**
     * Returns the app's requests that match, oldest first.
     *
     * @param {RequestMatch} [match]
     * @returns {Promise<MockRequest[]>}
     */
    requests(match?: RequestMatch): Promise<MockRequest[]>;
    /**
     * Returns the requests that match; throws unless there is one or, with `times`, so many. The
     * message names those that come nearest, and what differs.
     *
     * @param {RequestMatch & { times?: number }} [expected]
     * @returns {Promise<MockRequest[]>}
     */
    assertRequested({ times, ...match }?: RequestMatch & {
        times?: number;
    }): Promise<MockRequest[]>;
    /** Returns the webhook attempts, oldest first. @returns {Promise<Delivery[]>} */
    deliveries(): Promise<Delivery[]>;
    /**
     * Sends a webhook once more, with the same bytes and signature.
     *
     * @param {number} number that of its delivery
     * @returns {Promise<Delivery>}
     */
    resend(number: number): Promise<Delivery>;
    /** Returns what the app did against the contract. @returns {Promise<ContractWarning[]>} */
    warnings(): Promise<ContractWarning[]>;
    /**
     * Returns the events after the number `since`, or the latest ones. If there are none, the first
     * one is waited for during `wait` real seconds, at most 60.
     *
     * @param {{ since?: number, limit?: number, wait?: number }} [options]
     * @returns {Promise<Events>}
     */
    events(options?: {
        since?: number;
        limit?: number;
        wait?: number;
    }): Promise<Events>;
    /**
     * Yields what happens as it happens, and first what has happened after the number `since`.
     *
     * @param {number} [since]
     * @returns {AsyncGenerator<Event, never, void>}
     */
    follow(since?: number): AsyncGenerator<Event, never, void>;
    /** Returns the responses and webhooks that are held. @returns {Promise<HeldItem[]>} */
    held(): Promise<HeldItem[]>;
    /**
     * Waits until something is held by a name; returns all that is held.
     *
     * @param {string} [name]
     * @param {{ count?: number, within?: Duration }} [options] `within` is real time
     * @returns {Promise<HeldItem[]>}
     */
    waitUntilHeld(name?: string, { count, within }?: {
        count?: number;
        within?: Duration;
    }): Promise<HeldItem[]>;
    /**
     * Releases what was held by a name first, or all of it; returns it once it has been sent.
     *
     * @param {string} [name]
     * @param {{ all?: boolean, within?: Duration }} [options] `within` is real time
     * @returns {Promise<HeldItem[]>}
     */
    release(name?: string, { all, within }?: {
        all?: boolean;
        within?: Duration;
    }): Promise<HeldItem[]>;
    /** Forgets tasks, rules, settings and journal; the clock keeps its moment and speed. */
    reset(): Promise<void>;
    /** Forgets everything, the clock included: what a test does at its end. */
    close(): Promise<void>;
}
/**
 * Opens a sandbox, by default with a new key, at the mock of `MAXAPI_MOCK_URL`, which
 * `maxapi-mock run` sets; its clock stands still. Configure the app with its `baseUrl` and `apiKey`.
 *
 * @param {SandboxOptions} [options]
 * @returns {Promise<Sandbox>}
 */
export declare function openSandbox(options?: SandboxOptions): Promise<Sandbox>;
