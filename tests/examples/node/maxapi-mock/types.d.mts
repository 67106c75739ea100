// What the control plane of the mock takes and returns. `/__mock/openapi.json` has all of it.
import type { MockSetting, SandboxSetting, ScenarioName, ScenarioWithValue } from './names.d.mts';

/** One scenario, or several: `slow=90s, webhook-lost`. */
export type ScenarioText = OneScenario | `${OneScenario},${string}`;
type OneScenario = ScenarioName | `${ScenarioWithValue}=${string}`;

export type SettingValue = string | number | boolean;
/** `maxapi-mock serve --help` describes them. */
export type SandboxSettings = Partial<Record<SandboxSetting, SettingValue>>;
export type MockSettings = Partial<Record<MockSetting | SandboxSetting, SettingValue>>;

/** Seconds, or a text: `250ms`, `90s`, `5m`, `2h`, `6d`. */
export type Duration = string | number;

export type Status =
  | 'PENDING'
  | 'PROCESSING'
  | 'SUBMITTED'
  | 'SUCCESS'
  | 'FAILURE'
  | 'TIMEOUT'
  | 'CANCELLED';

export interface ControlOptions {
  /** The one that the mock was started with, if any. */
  controlToken?: string;
  /** What people know the sandbox by, for example the name of the test. */
  label?: string;
}

export interface SandboxOptions extends ControlOptions {
  /** The mock's URL; by default, `MAXAPI_MOCK_URL` or http://127.0.0.1:6290. */
  url?: string;
  /** What the app uses as its base URL, if that is not the mock's URL. */
  baseUrl?: string;
  /** By default, a new one. */
  apiKey?: string;
}

export interface MockOptions {
  /** The program and its first arguments; by default `['maxapi-mock']`. */
  command?: readonly [string, ...string[]];
  settings?: Omit<MockSettings, 'control_token'> & { control_token?: string };
}

export interface RunningMock {
  readonly url: string;
  /** Opens a sandbox, by default with a new key; its clock stands still. */
  sandbox(options?: Omit<SandboxOptions, 'url'>): Promise<import('./sandbox.mjs').Sandbox>;
  stop(): Promise<void>;
}

/** Which requests match; what is left out matches all. */
export interface RequestMatch {
  /** A glob. */
  model?: string;
  /** A text that the prompt contains. */
  prompt?: string;
  user_id?: string;
  method?: string;
  /** A glob, for example `/api/v1/task/submit`, or with an asterisk for its beginning. */
  path?: string;
  /** Of the requests that match the rest, only the n-th; the first is 1. */
  nth?: number;
}

export interface RuleOptions extends RequestMatch {
  /** For how many requests; without it, for all. */
  times?: number | null;
}

export interface Rule {
  id: number;
  match: RequestMatch;
  scenario: string;
  times: number | null;
  fired: number;
}

export interface ClockState {
  now: string;
  speed: number;
  frozen: boolean;
}

export interface Happened {
  at: string;
  event: 'status' | 'webhook' | 'held';
  taskId: string;
  status?: Status;
  attempt?: number;
  /** The status of the receiver's response. */
  answer?: number | null;
  delivered?: boolean;
  failure?: string | null;
  error?: string | null;
  name?: string;
}

export interface Moved extends ClockState {
  /** What happened on the way, in order. */
  happened?: Happened[];
  task?: TaskWithTimeline;
}

export interface Task {
  taskId: string;
  model: string;
  status: Status;
  input: { model: string; [field: string]: unknown };
  result?: { type: 'image' | 'video'; urls: string[] } | null;
  failure_reason?: 'CONTENT_MODERATION' | 'INVALID_PARAMETERS' | 'INSUFFICIENT_POINTS' | null;
  created_at?: string;
  updated_at?: string;
  callBackUrl: string | null;
  user_id: string | null;
  /** In US dollars, once it has ended; null if no price is published. */
  cost_usd: string | null;
}

export interface TaskWithTimeline extends Task {
  timeline: {
    at: string | null;
    event: 'status' | 'webhook' | 'results-expire';
    past: boolean;
    status?: Status;
    attempt?: number;
    delivered?: boolean;
    error?: string | null;
  }[];
}

export interface ContractWarning {
  kind: string;
  text: string;
  count: number;
}

export interface MockRequest {
  number: number;
  at: string;
  method: string;
  path: string;
  query: string;
  operation: 'submit' | 'query' | 'cancel' | 'result' | 'preflight' | 'unknown route';
  headers: Record<string, string>;
  body: unknown;
  status: number;
  response_headers: Record<string, string>;
  response_body: unknown;
  taskId: string | null;
  scenarios: string[];
  warnings?: { kind: string; text: string }[];
}

export interface FoundRequests {
  requests: MockRequest[];
  near_misses: { request: MockRequest; differences: string[] }[];
}

export interface Delivery {
  number: number;
  at: string;
  taskId: string;
  url: string;
  attempt: number;
  method: string;
  body: unknown;
  /** The status of the receiver's response; null if there was none. */
  status: number | null;
  latency_ms: number;
  delivered: boolean;
  error: string | null;
  failure: string | null;
  next_at: string | null;
  scenarios: string[];
  resent: boolean;
}

export interface Event {
  number: number;
  at: string;
  real_at: string;
  sandbox: string;
  kind:
    | 'request'
    | 'task'
    | 'status'
    | 'results-expire'
    | 'webhook'
    | 'held'
    | 'clock'
    | 'rule'
    | 'settings'
    | 'reset'
    | 'warning';
  data: Record<string, unknown>;
}

export interface Events {
  events: Event[];
  /** The number to ask for events since. */
  last: number;
  /** Whether none was forgotten that should be among them. */
  complete: boolean;
}

export interface HeldItem {
  name: string;
  kind: 'response' | 'webhook';
  what: string;
  at: string;
  held_ms: number;
  taskId: string | null;
}

export interface InboxResponse {
  /** 200 by default. */
  status?: number;
  /** In real time. */
  delay?: Duration;
  /** For how many webhooks; then 200 again. */
  times?: number | null;
}

export interface InboxWebhook {
  number: number;
  at: string;
  method: string;
  query: string;
  headers: Record<string, string>;
  /** The JSON value, or the text if it is not JSON. */
  body: { code: number; msg: string; data: Task } | string | null;
  taskId: string | null;
  /** What the inbox responded. */
  status: number;
  delay: number;
}

type Use<T> = (value: T) => Promise<void>;
type Sandbox = import('./sandbox.mjs').Sandbox;
type Inbox = import('./sandbox.mjs').Inbox;

/** What `maxapiFixtures` of `maxapi-mock/vitest` makes. */
export interface VitestFixtures {
  maxapiMock: [(args: {}, use: Use<RunningMock>) => Promise<void>, { scope: 'file' }];
  maxapi: (
    args: { maxapiMock: RunningMock; task: { name: string; result?: { state?: string } } },
    use: Use<Sandbox>,
  ) => Promise<void>;
  maxapiInbox: (args: { maxapi: Sandbox }, use: Use<Inbox>) => Promise<void>;
}

/** What tests get from the fixtures. */
export interface MaxapiTestFixtures {
  /** A sandbox for the test, whose clock stands still. */
  maxapi: Sandbox;
  /** A receiver of webhooks, which is open. */
  maxapiInbox: Inbox;
}

export interface MaxapiWorkerFixtures {
  maxapiMock: RunningMock;
}

interface TestInfo {
  title: string;
  status?: string;
  expectedStatus: string;
  attach(name: string, options: { body: string; contentType: string }): Promise<void>;
}

/** What `maxapiFixtures` of `maxapi-mock/playwright` makes. */
export interface PlaywrightFixtures {
  maxapiMock: [(args: {}, use: Use<RunningMock>) => Promise<void>, { scope: 'worker' }];
  maxapi: (
    args: { maxapiMock: RunningMock },
    use: Use<Sandbox>,
    testInfo: TestInfo,
  ) => Promise<void>;
  maxapiInbox: (args: { maxapi: Sandbox }, use: Use<Inbox>) => Promise<void>;
}
