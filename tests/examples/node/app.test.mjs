// How to test an app with the mock, on Node 20 or newer, without other packages:
// `maxapi-mock run -- node --test app.test.mjs`.
// No test waits, none affects another, and every fault comes on demand.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';

import { App, GaveUp, Webhooks } from './app.mjs';
import { openSandbox } from './maxapi-mock/index.mjs';

const SUBMIT = { path: '*/submit' };

// A sandbox for the test: an API key of its own, and a clock that stands still.
async function sandbox(t) {
  const maxapi = await openSandbox({ label: t.name });
  t.after(() => maxapi.close());
  return maxapi;
}

function cat(prompt = 'a cat', more = {}) {
  return { model: 'gpt-image-2/text-to-image', input: { prompt, ratio: '3:4' }, ...more };
}

// Makes an app that moves the mock's clock instead of waiting.
function appOf(mock) {
  return new App({ ...mock, wait: (seconds) => mock.clock.advance(seconds) });
}

// Serves the app's webhook endpoint until the test ends; returns its URL.
async function listen(t, webhooks) {
  const server = webhooks.server().listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  return `http://127.0.0.1:${server.address().port}/webhook`;
}

function sizeOf(png) {
  assert.equal(png.toString('latin1', 1, 4), 'PNG');
  return [png.readUInt32BE(16), png.readUInt32BE(20)];
}

test('a good day: the image has the size that was asked for', async (t) => {
  const app = appOf(await sandbox(t));

  const [url] = await app.resultOf(await app.submit(cat()));

  const image = await fetch(url);
  assert.equal(image.headers.get('content-type'), 'image/png');
  assert.deepEqual(sizeOf(Buffer.from(await image.arrayBuffer())), [768, 1024]);
});

test('a rate limit: the app waits as long as it is told', async (t) => {
  const mock = await sandbox(t);
  await mock.scenario('rate-limited=7', { times: 2, ...SUBMIT });
  const waits = [];

  await new App({ ...mock, wait: (seconds) => waits.push(seconds) }).submit(cat());

  assert.deepEqual(waits, [7, 7]);
});

for (const scenario of ['server-error', 'bad-gateway', 'unavailable']) {
  test(`${scenario}: the app waits longer each time`, async (t) => {
    const mock = await sandbox(t);
    await mock.scenario(scenario, { times: 3, ...SUBMIT });
    const waits = [];

    await new App({ ...mock, wait: (seconds) => waits.push(seconds) }).submit(cat());

    assert.deepEqual(waits, [1, 2, 4]);
  });
}

test('an API that is down for long: the app gives up', async (t) => {
  const mock = await sandbox(t);
  await mock.scenario('unavailable', SUBMIT);

  await assert.rejects(appOf(mock).submit(cat()), GaveUp);

  await mock.assertRequested({ ...SUBMIT, times: 5 });
});

test('moderation: the app does not insist, and knows why', async (t) => {
  const mock = await sandbox(t);

  const error = await appOf(mock).submit(cat('a cat #mock:moderated=violence')).catch((e) => e);

  assert.ok(error instanceof GaveUp);
  assert.equal(error.status, 400);
  assert.equal(error.data.categories.violence, true);
  await mock.assertRequested({ ...SUBMIT, times: 1 });
});

test('polls that fail now and then: the app asks again', async (t) => {
  const app = appOf(await sandbox(t));

  const urls = await app.resultOf(await app.submit(cat('a cat #mock:flaky-poll=2')));

  assert.equal(urls.length, 1);
});

for (const [scenario, status] of [['failure', 'FAILURE'], ['timeout', 'TIMEOUT']]) {
  test(`a task that ends in ${status}: the app says so at once`, async (t) => {
    const mock = await sandbox(t);
    const app = appOf(mock);
    const taskId = await app.submit(cat(`a cat #mock:${scenario}`));

    await assert.rejects(app.resultOf(taskId), { message: `task ${taskId}: ${status}` });

    // it polls three times in the 2 seconds that the task takes
    await mock.assertRequested({ path: `*/${taskId}`, times: 3 });
  });
}

test('a webhook: it tells what a poll shows', async (t) => {
  const mock = await sandbox(t);
  const webhooks = new Webhooks();
  const app = appOf(mock);

  const callBackUrl = await listen(t, webhooks);
  const taskId = await app.submit(cat('a cat', { callBackUrl }));
  await mock.waitFor(taskId);

  assert.deepEqual(webhooks.tasks.get(taskId).result.urls, await app.resultOf(taskId));
});

test('a webhook that comes twice: the app charges once', async (t) => {
  const mock = await sandbox(t);
  const webhooks = new Webhooks();

  const callBackUrl = await listen(t, webhooks);
  const taskId = await appOf(mock).submit(cat('a cat #mock:webhook-twice', { callBackUrl }));
  await mock.waitUntilIdle();

  const deliveries = await mock.deliveries();
  assert.deepEqual(deliveries.map((one) => one.status), [200, 200]);
  assert.deepEqual(webhooks.charged, [taskId]);
});

test('a webhook that is broken: the app asks for it again', async (t) => {
  const mock = await sandbox(t);
  const webhooks = new Webhooks();

  const callBackUrl = await listen(t, webhooks);
  await appOf(mock).submit(cat('a cat #mock:webhook-truncated', { callBackUrl }));
  await mock.waitUntilIdle();

  const deliveries = await mock.deliveries();
  assert.deepEqual(deliveries.map((one) => one.status), [400, 400, 400]);
  assert.deepEqual(webhooks.charged, []);
});

test('a webhook that tells of a failure: the app charges nothing', async (t) => {
  const mock = await sandbox(t);
  const webhooks = new Webhooks();

  const callBackUrl = await listen(t, webhooks);
  const taskId = await appOf(mock).submit(cat('a cat #mock:failure', { callBackUrl }));
  await mock.waitUntilIdle();

  assert.equal(webhooks.tasks.get(taskId).status, 'FAILURE');
  assert.deepEqual(webhooks.charged, []);
});

test('a result that is not fetched within seven days is gone', async (t) => {
  const mock = await sandbox(t);
  const app = appOf(mock);
  const [url] = await app.resultOf(await app.submit(cat()));

  await mock.clock.advance('7d');

  assert.equal((await fetch(url)).status, 410);
});
