import type { Inbox, Sandbox } from './sandbox.mjs';
import type { MockOptions, RunningMock } from './types.d.mts';
/** @import { Inbox, Sandbox } from './sandbox.mjs' */
/** @import { MockOptions, RunningMock } from './types.d.mts' */
/**
 * Lends the mock of `MAXAPI_MOCK_URL`, which `maxapi-mock run` sets, or else one of its own.
 *
 * @param {MockOptions} options
 * @param {(mock: RunningMock) => Promise<void>} use
 */
export declare function lendMock(options: MockOptions, use: (mock: RunningMock) => Promise<void>): Promise<void>;
/**
 * Lends an inbox that is open, and forgets it afterwards.
 *
 * @param {Sandbox} maxapi
 * @param {(inbox: Inbox) => Promise<void>} use
 */
export declare function lendInbox(maxapi: Sandbox, use: (inbox: Inbox) => Promise<void>): Promise<void>;
/**
 * Writes what happened in a sandbox, a line for each event.
 *
 * @param {Sandbox} maxapi
 */
export declare function storyOf(maxapi: Sandbox): Promise<string>;
