// Mocks of their own, as processes. Run by `node --test`, with maxapi-mock on the PATH.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startMock, withMock } from '../index.mjs';

const isUp = (url) => fetch(`${url}/__mock/health`).then((response) => response.ok, () => false);

test('a mock ends with the function that it is for, which returns its value', async () => {
  const url = await withMock(async (mock) => {
    assert.equal(await isUp(mock.url), true);
    return mock.url;
  });

  assert.equal(await isUp(url), false);
});

test('a mock ends with a function that throws', async () => {
  let url;
  const use = (mock) => {
    url = mock.url;
    throw new Error('the test failed');
  };

  await assert.rejects(withMock(use), /the test failed/);

  assert.equal(await isUp(url), false);
});

test('settings are those of the command', async () => {
  const settings = { pace: 'instant', webhook_tries: 7, strict_callbacks: true };

  const seen = await withMock(async (mock) => (await mock.sandbox()).settings({ null: 'omit' }), {
    settings,
  });

  assert.deepEqual([seen.pace, seen['webhook-tries'] ?? seen.webhook_tries], ['instant', '7']);
});

test('stopping twice is stopping once', async () => {
  const mock = await startMock();

  await mock.stop();
  await mock.stop();

  assert.equal(await isUp(mock.url), false);
});

test('a wrong setting is what the error says', async () => {
  await assert.rejects(startMock({ settings: { pace: 'slow' } }), /ended with status 2: .*realtime/s);
});

test('a program that is not there is what the error says', async () => {
  const command = ['no-such-program'];

  await assert.rejects(startMock({ command }), /no-such-program cannot be started; install/);
});
