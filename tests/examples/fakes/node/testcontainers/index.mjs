// What the recipe uses of Testcontainers; a process takes the place of the container.
import assert from 'node:assert/strict';

import { startMock } from 'maxapi-mock';

export const Wait = { forHttp: (path, port) => `${port}${path}` };

export class GenericContainer {
  #variables = {};

  constructor(image) {
    assert.equal(image, 'maxapi-mock');
  }

  withExposedPorts(...ports) {
    assert.deepEqual(ports, [6290]);
    return this;
  }

  withEnvironment(variables) {
    this.#variables = variables;
    return this;
  }

  withExtraHosts(hosts) {
    assert.deepEqual(hosts, [{ host: 'host.docker.internal', ipAddress: 'host-gateway' }]);
    return this;
  }

  withWaitStrategy(strategy) {
    assert.equal(strategy, '6290/__mock/health');
    return this;
  }

  async start() {
    const named = Object.entries(this.#variables).map(([name, value]) => [
      name.replace('MAXAPI_MOCK_', '').toLowerCase(),
      value,
    ]);
    const mock = await startMock({ settings: { ...Object.fromEntries(named), host: '0.0.0.0' } });
    const { hostname, port } = new URL(mock.url);
    return { getHost: () => hostname, getMappedPort: () => Number(port), stop: mock.stop };
  }
}
