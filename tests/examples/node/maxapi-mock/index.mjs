// What tests in Node import: a sandbox of the mock for each test, and mocks of their own.
export { MockError } from './control.mjs';
export { startMock, withMock } from './mock.mjs';
export { Clock, Inbox, openSandbox, Sandbox } from './sandbox.mjs';

/** @typedef {import('./types.d.mts').RunningMock} RunningMock */
/** @typedef {import('./types.d.mts').Task} Task */
