// An app with the API's own hosts in its code, tested by
// `maxapi-mock run --intercept --pace instant --base-url-suffix /api/v1 --
// node --test hardcoded.test.mjs`.
import assert from 'node:assert/strict';
import { test } from 'node:test';

const API = 'https://api.maxapi.io/api/v1/task';
const HEADERS = {
  authorization: `Bearer ${process.env.MAXAPI_API_KEY}`,
  'content-type': 'application/json',
};

async function call(path, document) {
  const request = document && { method: 'POST', body: JSON.stringify(document) };
  const response = await fetch(`${API}/${path}`, { headers: HEADERS, ...request });
  return (await response.json()).data;
}

test('the API is the mock', async () => {
  const input = { prompt: 'a cat', ratio: '16:9', n: 2 };

  const { taskId } = await call('submit', { model: 'gpt-image-2/text-to-image', input });
  const { status, result } = await call(taskId);

  assert.equal(status, 'SUCCESS');
  assert.equal(result.urls.length, 2);
  for (const url of result.urls) {
    const image = await fetch(url);
    assert.equal(image.headers.get('content-type'), 'image/png');
  }
});

test('a base URL that ends in /api/v1 is the mock, too', async () => {
  const response = await fetch(`${process.env.MAXAPI_BASE_URL}/task/no-such-task`, { headers: HEADERS });

  assert.equal((await response.json()).code, 404);
});

test('the rest of the world is not there', async () => {
  await assert.rejects(fetch('https://www.example.com/'), ({ cause }) => {
    assert.match(cause.message, /is not the API|\(403\)/); // by a proxy, as newer versions do
    return true;
  });
});
