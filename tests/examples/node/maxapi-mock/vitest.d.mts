import type { MockOptions, VitestFixtures } from './types.d.mts';
export type MaxapiFixtures = import('./types.d.mts').MaxapiTestFixtures & import('./types.d.mts').MaxapiWorkerFixtures;
/** @import { MockOptions, VitestFixtures } from './types.d.mts' */
/** @typedef {import('./types.d.mts').MaxapiTestFixtures & import('./types.d.mts').MaxapiWorkerFixtures} MaxapiFixtures */
/**
 * Makes fixtures for Vitest: `const test = base.extend<MaxapiFixtures>(maxapiFixtures())`.
 *
 * `maxapi` is a sandbox for each test, `maxapiInbox` a receiver of webhooks, `maxapiMock` the mock:
 * that of `maxapi-mock run`, or one with these options for each file of tests. When a test fails,
 * standard error shows what the mock saw.
 *
 * @param {MockOptions} [options]
 * @returns {VitestFixtures}
 */
export declare function maxapiFixtures(options?: MockOptions): VitestFixtures;
