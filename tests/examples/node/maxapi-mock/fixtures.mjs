import { startMock } from './mock.mjs';
import { openSandbox } from './sandbox.mjs';

/** @import { Inbox, Sandbox } from './sandbox.mjs' */
/** @import { MockOptions, RunningMock } from './types.d.mts' */

/**
 * Lends the mock of `MAXAPI_MOCK_URL`, which `maxapi-mock run` sets, or else one of its own.
 *
 * @param {MockOptions} options
 * @param {(mock: RunningMock) => Promise<void>} use
 */
export async function lendMock(options, use) {
  const url = process.env.MAXAPI_MOCK_URL;
  if (url) return use({ url, sandbox: openSandbox, stop: async () => {} });
  const mock = await startMock(options);
  try {
    await use(mock);
  } finally {
    await mock.stop();
  }
}

/**
 * Lends an inbox that is open, and forgets it afterwards.
 *
 * @param {Sandbox} maxapi
 * @param {(inbox: Inbox) => Promise<void>} use
 */
export async function lendInbox(maxapi, use) {
  const inbox = maxapi.inbox();
  await inbox.respond({});
  await use(inbox);
  await inbox.delete();
}

/**
 * Writes what happened in a sandbox, a line for each event.
 *
 * @param {Sandbox} maxapi
 */
export async function storyOf(maxapi) {
  const { events } = await maxapi.events();
  return events.map(({ at, kind, data }) => `${at} ${kind} ${JSON.stringify(data)}`).join('\n');
}
