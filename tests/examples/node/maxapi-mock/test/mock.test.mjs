// Mocks of their own, as processes. Run by `node --test`, with maxapi-mock on the PATH.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
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

test('a mock ends with a process that is killed', async () => {
  const index = new URL('../index.mjs', import.meta.url);
  const code = `import { startMock } from '${index}'; console.log((await startMock()).url); await new
    Promise((done) => setTimeout(done, 1e6))`;
  const other = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [url] = await once(createInterface(other.stdout), 'line');
  const socket = connect(new URL(url).port, '127.0.0.1');
  await once(socket, 'connect');
  const closed = once(socket.resume(), 'close');
  socket.write('GET /__mock/events?since=0&wait=60 HTTP/1.1\r\nHost: localhost\r\n\r\n');

  other.kill('SIGKILL');
  await closed;

  assert.equal(await isUp(url), false);
});

test('a mock that is not stopped does not keep a process alive', async () => {
  const index = new URL('../index.mjs', import.meta.url);
  const code = `import { startMock } from '${index}'; await startMock();`;

  const other = spawn(process.execPath, ['--input-type=module', '--eval', code]);
  const [status] = await once(other, 'exit');

  assert.equal(status, 0);
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
