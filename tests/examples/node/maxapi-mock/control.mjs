/** @import { ControlOptions } from './types.d.mts' */

/** The mock rejected a request, or there is no mock; `status` is that of its response, if any. */
export class MockError extends Error {
  /**
   * @param {string} message
   * @param {number | null} [status]
   * @param {unknown} [cause]
   */
  constructor(message, status = null, cause = undefined) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'MockError';
    this.status = status;
  }
}

/**
 * Makes what calls the control plane in the name of one sandbox.
 *
 * @param {string} url
 * @param {string} apiKey
 * @param {ControlOptions} options
 * @returns {(method: string, path: string, body?: unknown) => Promise<any>}
 */
export function controlOf(url, apiKey, { controlToken, label }) {
  /** @type {Record<string, string>} */
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
  if (controlToken) headers['x-mock-control-token'] = controlToken;
  if (label) headers['x-mock-label'] = label.replace(/[^ -~]/g, '?');

  return async (method, path, body) => {
    const at = `${url}/__mock/${path}`;
    const request = { method, headers, body: body === undefined ? undefined : JSON.stringify(body) };
    const response = await fetch(at, request).catch((error) => {
      throw new MockError(`no mock responds at ${url}: start one with maxapi-mock serve`, null, error);
    });
    const found = await response.json().catch(() => null);
    if (found === null || typeof found !== 'object') {
      throw new MockError(`${url} is not a mock: ${at} did not return JSON`, response.status);
    }
    if (!response.ok) throw new MockError(`${method} ${path}: ${found.msg}`, response.status);
    return found;
  };
}
