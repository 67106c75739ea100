import type { MockOptions, PlaywrightFixtures } from './types.d.mts';
export type MaxapiFixtures = import('./types.d.mts').MaxapiTestFixtures;
export type MaxapiWorkerFixtures = import('./types.d.mts').MaxapiWorkerFixtures;
/** @import { MockOptions, PlaywrightFixtures } from './types.d.mts' */
/** @typedef {import('./types.d.mts').MaxapiTestFixtures} MaxapiFixtures */
/** @typedef {import('./types.d.mts').MaxapiWorkerFixtures} MaxapiWorkerFixtures */
/**
 * Makes fixtures for Playwright: `const test =
 * base.extend<MaxapiFixtures, MaxapiWorkerFixtures>(maxapiFixtures())`.
 *
 * `maxapi` is a sandbox for each test, `maxapiInbox` a receiver of webhooks, `maxapiMock` the mock:
 * that of `maxapi-mock run`, or one with these options for each worker. When a test fails, its
 * report has what the mock saw.
 *
 * @param {MockOptions} [options]
 * @returns {PlaywrightFixtures}
 */
export declare function maxapiFixtures(options?: MockOptions): PlaywrightFixtures;
