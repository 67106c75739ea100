import { lendInbox, lendMock, storyOf } from './fixtures.mjs';

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
export function maxapiFixtures(options = {}) {
  return {
    maxapiMock: [({}, use) => lendMock(options, use), { scope: 'file' }],
    async maxapi({ maxapiMock, task }, use) {
      const sandbox = await maxapiMock.sandbox({ label: task.name });
      await use(sandbox);
      if (task.result?.state === 'fail') {
        console.error(`what the mock saw in "${task.name}":\n${await storyOf(sandbox)}`);
      }
      await sandbox.close();
    },
    maxapiInbox: ({ maxapi }, use) => lendInbox(maxapi, use),
  };
}
