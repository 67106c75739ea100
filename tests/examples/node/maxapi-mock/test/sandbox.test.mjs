// The sandbox of a mock that this suite starts. Run by `node --test`, with maxapi-mock on the PATH.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { MockError, openSandbox, Sandbox, startMock } from '../index.mjs';

const DRAW = { model: 'gpt-image-2/text-to-image', input: { prompt: 'a cat', ratio: '1:1' } };
const SUBMIT = { path: '*/submit' };

let mock;

before(async () => {
  mock = await startMock({ settings: { duration: '2s', control_token: 'a-token' } });
});

after(() => mock.stop());

async function sandboxOf(t) {
  const maxapi = await mock.sandbox({ label: t.name });
  t.after(() => maxapi.close());
  return maxapi;
}

// The app's part.
async function submit({ baseUrl, apiKey }, more = {}) {
  const response = await fetch(`${baseUrl}/api/v1/task/submit`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ...DRAW, ...more }),
  });
  return response.ok ? (await response.json()).data.taskId : response.status;
}

test('the clock stands still until it is moved', async (t) => {
  const maxapi = await sandboxOf(t);
  const before = await maxapi.clock.state();

  const moved = await maxapi.clock.advance('90s');

  assert.equal(before.frozen, true);
  assert.equal(new Date(moved.now) - new Date(before.now), 90_000);
});

test('the clock runs as fast as it is told, and stops', async (t) => {
  const maxapi = await sandboxOf(t);

  const running = await maxapi.clock.run(60);
  const frozen = await maxapi.clock.freeze();

  assert.deepEqual([running.speed, running.frozen, frozen.frozen], [60, false, true]);
});

test('a task is waited for, in the state that is asked for', async (t) => {
  const maxapi = await sandboxOf(t);
  const taskId = await submit(maxapi);

  const processing = await maxapi.waitFor(taskId, 'PROCESSING');
  const done = await maxapi.waitFor(taskId);

  assert.deepEqual([processing.status, done.status], ['PROCESSING', 'SUCCESS']);
  assert.deepEqual((await maxapi.tasks()).map((task) => task.taskId), [taskId]);
  assert.equal((await maxapi.task(taskId)).timeline.at(-1).event, 'results-expire');
});

test('a scenario is for the requests that match, as often as it is told', async (t) => {
  const maxapi = await sandboxOf(t);

  await maxapi.scenario('unavailable', { times: 1, prompt: 'cat', ...SUBMIT });
  const seen = [await submit(maxapi), typeof (await submit(maxapi))];

  assert.deepEqual(seen, [503, 'string']);
  assert.deepEqual((await maxapi.rules()).map((rule) => rule.fired), [1]);
});

test('settings are those of the sandbox', async (t) => {
  const maxapi = await sandboxOf(t);

  const settings = await maxapi.settings({ pace: 'per-poll', webhook_tries: 5 });

  assert.deepEqual([settings.pace, settings['webhook-tries'] ?? settings.webhook_tries], ['per-poll', '5']);
});

test('requests are found, and near misses explained', async (t) => {
  const maxapi = await sandboxOf(t);
  await submit(maxapi);

  const [request] = await maxapi.requests(SUBMIT);

  assert.equal(request.body.input.prompt, 'a cat');
  assert.equal((await maxapi.assertRequested({ ...SUBMIT, times: 1 })).length, 1);
  await assert.rejects(maxapi.assertRequested({ prompt: 'a dog' }), /seen 0\n  near: POST .*\n.*dog/s);
});

test('webhooks come to an inbox, which responds as it is told', async (t) => {
  const maxapi = await sandboxOf(t);
  const inbox = maxapi.inbox();
  await inbox.respond({ status: 503, times: 1 });

  const taskId = await submit(maxapi, { callBackUrl: inbox.url });
  await maxapi.waitUntilIdle();

  const webhooks = await inbox.webhooks();
  assert.deepEqual(webhooks.map((one) => one.status), [503, 200]);
  assert.equal(webhooks[1].body.data.taskId, taskId);
  assert.deepEqual((await maxapi.deliveries()).map((one) => one.delivered), [false, true]);
  assert.deepEqual((await maxapi.warnings()).map((one) => one.kind), ['webhook-rejected']);
  await inbox.delete();
});

test('a webhook is sent again', async (t) => {
  const maxapi = await sandboxOf(t);
  const inbox = maxapi.inbox();
  await inbox.respond({});
  await submit(maxapi, { callBackUrl: inbox.url });
  await maxapi.waitUntilIdle();

  const [{ number }] = await maxapi.deliveries();
  const again = await maxapi.resend(number);

  assert.equal(again.resent, true);
  assert.equal((await inbox.webhooks()).length, 2);
});

test('events are told in order, and as they happen', async (t) => {
  const maxapi = await sandboxOf(t);
  const { last } = await maxapi.events();
  const following = maxapi.follow(last);

  const [, first] = await Promise.all([submit(maxapi), following.next()]);
  await following.return();

  assert.equal(first.value.number > last, true);
  const kinds = (await maxapi.events({ since: last })).events.map((event) => event.kind);
  assert.deepEqual(kinds.slice(0, 2).sort(), ['request', 'task']);
});

test('what is held is released', async (t) => {
  const maxapi = await sandboxOf(t);
  await maxapi.scenario('held=submit', { times: 1 });

  const response = submit(maxapi);
  const [held] = await maxapi.waitUntilHeld('submit');
  const listed = await maxapi.held();
  const released = await maxapi.release('submit');

  assert.equal(held.taskId, await response);
  assert.deepEqual([listed.length, released.length], [1, 1]);
});

test('a reset forgets everything but the clock', async (t) => {
  const maxapi = await sandboxOf(t);
  await submit(maxapi);

  await maxapi.reset();

  assert.deepEqual(await maxapi.tasks(), []);
  assert.equal((await maxapi.clock.state()).frozen, true);
});

test('two sandboxes do not see each other', async (t) => {
  const [one, other] = [await sandboxOf(t), await sandboxOf(t)];

  await submit(one);

  assert.deepEqual(await other.tasks(), []);
  const { sandboxes } = await other.control('GET', 'sandboxes');
  assert.equal(sandboxes.filter(({ label }) => label === t.name).length, 2);
});

test('an error says what the mock accepts', async (t) => {
  const maxapi = await sandboxOf(t);

  const error = await maxapi.scenario('unavailible').catch((one) => one);

  assert.ok(error instanceof MockError);
  assert.equal(error.status, 400);
  assert.match(error.message, /POST rules: .*unavailable/);
});

test('without a mock, the error says how to start one', async () => {
  await assert.rejects(openSandbox({ url: 'http://127.0.0.1:9' }), /no mock responds at .*:9/);
});

test('a sandbox is that of the variables that `maxapi-mock run` sets', () => {
  const kept = { ...process.env };
  process.env.MAXAPI_MOCK_URL = 'http://127.0.0.1:7000/';
  process.env.MAXAPI_BASE_URL = 'http://127.0.0.1:7000/api/v1';

  const { url, baseUrl } = new Sandbox();
  const other = new Sandbox({ url: 'http://127.0.0.1:8000' });
  process.env = kept;

  assert.deepEqual([url, baseUrl], ['http://127.0.0.1:7000', 'http://127.0.0.1:7000/api/v1']);
  assert.equal(other.baseUrl, 'http://127.0.0.1:8000');
});
