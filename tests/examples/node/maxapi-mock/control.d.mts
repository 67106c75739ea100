/** @import { ControlOptions } from './types.d.mts' */
import type { ControlOptions } from './types.d.mts';
/** The mock rejected a request, or there is no mock; `status` is that of its response, if any. */
export declare class MockError extends Error {
    status: number | null;
    /**
     * @param {string} message
     * @param {number | null} [status]
     * @param {unknown} [cause]
     */
    constructor(message: string, status?: number | null, cause?: unknown);
}
/**
 * Makes what calls the control plane in the name of one sandbox.
 *
 * @param {string} url
 * @param {string} apiKey
 * @param {ControlOptions} options
 * @returns {(method: string, path: string, body?: unknown) => Promise<any>}
 */
export declare function controlOf(url: string, apiKey: string, { controlToken, label }: ControlOptions): (method: string, path: string, body?: unknown) => Promise<any>;
