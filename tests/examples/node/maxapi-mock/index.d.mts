export { MockError } from './control.mjs';
export { startMock, withMock } from './mock.mjs';
export { Clock, Inbox, openSandbox, Sandbox } from './sandbox.mjs';
export type RunningMock = import('./types.d.mts').RunningMock;
export type Task = import('./types.d.mts').Task;
/** @typedef {import('./types.d.mts').RunningMock} RunningMock */
/** @typedef {import('./types.d.mts').Task} Task */
