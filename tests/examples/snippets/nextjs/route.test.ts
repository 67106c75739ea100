// The route without Next.js: the mock's webhooks come to a server that passes them on to it.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

import { maxapiFixtures, type MaxapiFixtures } from 'maxapi-mock/vitest';
import { expect, test as base } from 'vitest';

import { GET, POST } from './route.ts';

const SITE = 'https://shop.example.com/api/maxapi/webhook';

const test = base.extend<MaxapiFixtures>(maxapiFixtures()).extend<{ route: string }>({
  route: async ({}, use) => {
    process.env.WEBHOOK_TOKEN = 'a-token';
    const server = createServer(async (request, response) => {
      const url = new URL(request.url ?? '', SITE);
      const passed = await POST(new Request(url, { method: 'POST', body: await text(request) }));
      response.writeHead(passed.status).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    server.close();
  },
});

async function draw({ baseUrl, apiKey }: { baseUrl: string; apiKey: string }, callBackUrl: string) {
  const input = { prompt: 'a cat' };
  const response = await fetch(`${baseUrl}/api/v1/task/submit`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-image-2/text-to-image', input, callBackUrl }),
  });
  return (await response.json()).data.taskId;
}

test('a webhook that comes twice is one picture', async ({ maxapi, route }) => {
  await maxapi.scenario('webhook-twice');

  const taskId = await draw(maxapi, `${route}?token=a-token`);
  await maxapi.waitUntilIdle();

  expect((await maxapi.deliveries()).map((one) => one.status)).toEqual([204, 204]);
  const shown = await GET(new Request(`${SITE}?taskId=${taskId}`));
  expect(await shown.json()).toMatchObject({ status: 'SUCCESS', urls: [expect.any(String)] });
});

test.for([
  ['', '?token=a-guess', 401],
  ['webhook-truncated', '?token=a-token', 400],
] as const)('a webhook that is not right (%s%s)', async ([scenario, query, status], { maxapi, route }) => {
  if (scenario) await maxapi.scenario(scenario);

  const taskId = await draw(maxapi, route + query);
  await maxapi.waitUntilIdle();

  expect((await maxapi.deliveries()).map((one) => one.status)).toEqual([status, status, status]);
  const shown = await GET(new Request(`${SITE}?taskId=${taskId}`));
  expect(await shown.json()).toMatchObject({ status: 'PENDING' });
});
