import type { MockOptions, RunningMock } from './types.d.mts';
/** @import { ChildProcess } from 'node:child_process' */
/** @import { MockOptions, RunningMock, SandboxOptions } from './types.d.mts' */
/**
 * Starts `maxapi-mock serve` on a free port of this machine. `stop` ends it; so does the end of this
 * process, whatever ends it.
 *
 * @param {MockOptions} [options]
 * @returns {Promise<RunningMock>}
 */
export declare function startMock({ command, settings }?: MockOptions): Promise<RunningMock>;
/**
 * Runs a function with a mock of its own, which ends with it; returns what the function returns.
 *
 * @template T
 * @param {(mock: RunningMock) => T | Promise<T>} use
 * @param {MockOptions} [options]
 * @returns {Promise<T>}
 */
export declare function withMock<T>(use: (mock: RunningMock) => T | Promise<T>, options?: MockOptions): Promise<T>;
