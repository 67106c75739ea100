// The fixtures as Vitest and Playwright call them. Run by `node --test`, with maxapi-mock on the PATH.
import assert from 'node:assert/strict';
import { after, before, mock as double, test } from 'node:test';

import { startMock } from '../index.mjs';
import { maxapiFixtures as forPlaywright } from '../playwright.mjs';
import { maxapiFixtures as forVitest } from '../vitest.mjs';

let maxapiMock;

before(async () => {
  maxapiMock = await startMock();
});

after(() => maxapiMock.stop());

const isUp = (url) => fetch(`${url}/__mock/health`).then((response) => response.ok, () => false);

for (const [name, fixtures] of [['Vitest', forVitest], ['Playwright', forPlaywright]]) {
  test(`${name}: a mock of its own has the settings, and ends`, async () => {
    const [fixture] = fixtures({ settings: { pace: 'instant' } }).maxapiMock;
    let seen;

    await fixture({}, async (mock) => {
      const { settings } = await (await mock.sandbox()).control('GET', 'settings');
      seen = [mock.url, settings.pace];
    });

    assert.equal(seen[1], 'instant');
    assert.equal(await isUp(seen[0]), false);
  });

  test(`${name}: the mock of maxapi-mock run is used, and goes on`, async () => {
    process.env.MAXAPI_MOCK_URL = maxapiMock.url;
    const [fixture] = fixtures().maxapiMock;
    let url;

    await fixture({}, async (mock) => {
      url = (await mock.sandbox()).url;
    });
    delete process.env.MAXAPI_MOCK_URL;

    assert.equal(url, maxapiMock.url);
    assert.equal(await isUp(url), true);
  });

  test(`${name}: an inbox is open while the test runs`, async (t) => {
    const maxapi = await maxapiMock.sandbox();
    t.after(() => maxapi.close());
    let received;

    await fixtures().maxapiInbox({ maxapi }, async (inbox) => {
      await fetch(inbox.url, { method: 'POST', body: '{}' });
      received = await inbox.webhooks();
    });

    assert.equal(received.length, 1);
  });
}

test('Vitest: only a test that fails shows what the mock saw', async (t) => {
  const shown = double.method(console, 'error', () => {});
  t.after(() => shown.mock.restore());
  const { maxapi } = forVitest();

  for (const state of ['pass', 'fail']) {
    const task = { name: `a test that is to ${state}`, result: { state } };
    await maxapi({ maxapiMock, task }, (sandbox) => sandbox.scenario('unavailable'));
  }

  const texts = shown.mock.calls.map((call) => call.arguments.join(' '));
  assert.equal(texts.length, 1);
  assert.match(texts[0], /^what the mock saw in "a test that is to fail":\n.* rule .*unavailable/s);
});

test('Playwright: only a test that fails has it attached', async () => {
  const attach = double.fn(async () => {});
  const { maxapi } = forPlaywright();

  for (const status of ['passed', 'failed']) {
    const testInfo = { title: 'a test', status, expectedStatus: 'passed', attach };
    await maxapi({ maxapiMock }, (sandbox) => sandbox.scenario('unavailable'), testInfo);
  }

  const [[name, { body }], ...others] = attach.mock.calls.map((call) => call.arguments);
  assert.deepEqual([name, others], ['what the mock saw', []]);
  assert.match(body, / rule .*unavailable/);
});
