import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { MockError } from './control.mjs';
import { openSandbox } from './sandbox.mjs';

/** @import { ChildProcess } from 'node:child_process' */
/** @import { MockOptions, RunningMock, SandboxOptions } from './types.d.mts' */

/**
 * Starts `maxapi-mock serve` on a free port of this machine. `stop` ends it; so does the end of this
 * process, whatever ends it.
 *
 * @param {MockOptions} [options]
 * @returns {Promise<RunningMock>}
 */
export async function startMock({ command = ['maxapi-mock'], settings = {} } = {}) {
  const [program, ...words] = command;
  const child = spawn(program, [...words, 'serve', '--port', '0', '--log', 'off'], {
    env: { ...process.env, ...variablesOf(settings) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const url = await urlOf(child, program);
  const guard = guardOf(child);
  const controlToken = settings.control_token;
  return {
    url,
    sandbox: (/** @type {Omit<SandboxOptions, 'url'>} */ own = {}) =>
      openSandbox({ ...(controlToken && { controlToken }), ...own, url }),
    async stop() {
      guard.kill();
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.ref();
      child.kill();
      await ended;
    },
  };
}

/**
 * Ends a mock when this process has ended, even if it was killed: then the guard's input ends. Until
 * then, neither keeps this process alive.
 *
 * @param {ChildProcess} child
 */
function guardOf(child) {
  const guard = spawn('sh', ['-c', `cat >/dev/null; kill ${child.pid}`], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const pipes = [child.stdout, child.stderr, guard.stdin];
  for (const one of [child, guard, ...pipes]) /** @type {any} */ (one).unref();
  return guard;
}

/**
 * Runs a function with a mock of its own, which ends with it; returns what the function returns.
 *
 * @template T
 * @param {(mock: RunningMock) => T | Promise<T>} use
 * @param {MockOptions} [options]
 * @returns {Promise<T>}
 */
export async function withMock(use, options = {}) {
  const mock = await startMock(options);
  try {
    return await use(mock);
  } finally {
    await mock.stop();
  }
}

/**
 * Settings are variables, so that no list of processes shows a secret.
 *
 * @param {Record<string, unknown>} settings
 */
function variablesOf(settings) {
  const named = Object.entries(settings).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    named.map(([name, value]) => [`MAXAPI_MOCK_${name.toUpperCase()}`, String(value)]),
  );
}

/**
 * Waits until a mock says where it is. What it says later is read, so that it never has to wait.
 *
 * @param {ChildProcess} child
 * @param {string} program
 * @returns {Promise<string>}
 */
function urlOf(child, program) {
  return new Promise((resolve, reject) => {
    let told = '';
    child.stderr?.on('data', (part) => (told += part));
    if (child.stdout) {
      createInterface(child.stdout).on('line', (line) => {
        const found = / serves (https?:\S+)/.exec(line);
        if (found) resolve(found[1]);
      });
    }
    child.once('error', (error) => {
      const advice = 'install the Python package maxapi-mockserver, or name the program: `command`';
      reject(new MockError(`${program} cannot be started; ${advice}`, null, error));
    });
    child.once('close', (code) => {
      reject(new MockError(`${program} serve ended with status ${code}: ${told.trim()}`));
    });
  });
}
