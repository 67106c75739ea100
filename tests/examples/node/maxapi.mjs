// A sandbox of the mock for each test: an API key of its own, and a clock that stands still.
import { randomUUID } from 'node:crypto';

const { MAXAPI_MOCK_URL: mock = 'http://127.0.0.1:6290', MAXAPI_BASE_URL: baseUrl = mock } =
  process.env;

export async function sandbox(test) {
  const apiKey = `node-${randomUUID()}`;
  const headers = {
    authorization: `Bearer ${apiKey}`,
    'content-type': 'application/json',
    'x-mock-control-token': process.env.MAXAPI_MOCK_CONTROL_TOKEN ?? '',
  };

  async function control(method, path, body) {
    const request = { method, headers, body: body && JSON.stringify(body) };
    const response = await fetch(`${mock}/__mock/${path}`, request);
    const found = await response.json();
    if (!response.ok) throw new Error(`${method} ${path}: ${found.msg}`);
    return found;
  }

  const clock = (course) => control('POST', 'clock', course);
  await clock({ freeze: true });
  test.after(() => control('POST', 'reset'));
  return {
    baseUrl,
    apiKey,
    control,
    scenario: (scenario, times, match) => control('POST', 'rules', { scenario, times, match }),
    advance: (duration) => clock({ advance: duration }),
    advanceUntil: (goal) => clock({ advance_until: goal }), // 'idle', or { task, status }
  };
}
