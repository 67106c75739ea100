import { lendInbox, lendMock, storyOf } from './fixtures.mjs';

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
export function maxapiFixtures(options = {}) {
  return {
    maxapiMock: [({}, use) => lendMock(options, use), { scope: 'worker' }],
    async maxapi({ maxapiMock }, use, testInfo) {
      const sandbox = await maxapiMock.sandbox({ label: testInfo.title });
      await use(sandbox);
      if (testInfo.status !== testInfo.expectedStatus) {
        const body = await storyOf(sandbox);
        await testInfo.attach('what the mock saw', { body, contentType: 'text/plain' });
      }
      await sandbox.close();
    },
    maxapiInbox: ({ maxapi }, use) => lendInbox(maxapi, use),
  };
}
