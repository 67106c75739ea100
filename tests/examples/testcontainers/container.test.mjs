// A mock in a container. The image is built once: docker build -t maxapi-mock .
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { openSandbox } from 'maxapi-mock';
import { GenericContainer, Wait } from 'testcontainers';

const controlToken = 'a-token-for-these-tests-only';
let container;

before(async () => {
  container = await new GenericContainer('maxapi-mock')
    .withExposedPorts(6290)
    .withEnvironment({
      MAXAPI_MOCK_CONTROL_TOKEN: controlToken,
      MAXAPI_MOCK_CALLBACK_ALLOW: 'host.docker.internal',
    })
    .withExtraHosts([{ host: 'host.docker.internal', ipAddress: 'host-gateway' }])
    .withWaitStrategy(Wait.forHttp('/__mock/health', 6290))
    .start();
});

after(() => container.stop());

test('a task', async () => {
  const url = `http://${container.getHost()}:${container.getMappedPort(6290)}`;
  const maxapi = await openSandbox({ url, controlToken });

  const response = await fetch(`${maxapi.baseUrl}/api/v1/task/submit`, {
    method: 'POST',
    headers: { authorization: `Bearer ${maxapi.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-image-2/text-to-image', input: { prompt: 'a cat' } }),
  });
  const { taskId } = (await response.json()).data;

  assert.equal((await maxapi.waitFor(taskId)).status, 'SUCCESS');
});
