import { maxapiFixtures, type MaxapiFixtures } from 'maxapi-mock/vitest';
import { expect, test as base } from 'vitest';

import { Studio } from '../src/studio.ts';

const test = base.extend<MaxapiFixtures>(maxapiFixtures());

test('a picture', async ({ maxapi }) => {
  const studio = new Studio(maxapi);

  const taskId = await studio.draw('a cat');
  await maxapi.waitFor(taskId); // moves the clock; never sleeps

  const [url] = await studio.pictures(taskId);
  const picture = await fetch(url);
  expect(picture.headers.get('content-type')).toBe('image/png');
});

test('the API is busy twice', async ({ maxapi }) => {
  await maxapi.scenario('rate-limited=7', { times: 2, path: '*/submit' });
  const waits: number[] = [];
  const studio = new Studio({ ...maxapi, wait: async (seconds) => waits.push(seconds) });

  await studio.draw('a cat');

  expect(waits).toEqual([7, 7]);
  await maxapi.assertRequested({ path: '*/submit', prompt: 'a cat', times: 3 });
});

test('moderation stops the task', async ({ maxapi }) => {
  await maxapi.scenario('content-moderation');
  const studio = new Studio(maxapi);

  const taskId = await studio.draw('a cat');
  await maxapi.waitFor(taskId, 'FAILURE');

  await expect(studio.pictures(taskId)).rejects.toThrow('CONTENT_MODERATION');
});

test('the webhook endpoint is down at first', async ({ maxapi, maxapiInbox }) => {
  await maxapiInbox.respond({ status: 503, times: 1 });
  await maxapi.settings({ expect: 'webhook:503' });
  const studio = new Studio({ ...maxapi, callBackUrl: maxapiInbox.url });

  const taskId = await studio.draw('a cat');
  await maxapi.waitUntilIdle();

  const webhooks = await maxapiInbox.webhooks();
  expect(webhooks.map((one) => [one.taskId, one.status])).toEqual([
    [taskId, 503],
    [taskId, 200],
  ]);
  expect(await maxapi.warnings()).toEqual([]);
});
