// What tsc --strict accepts and rejects; nothing here is run.
import { openSandbox, withMock } from '../index.mjs';

export async function accepted(): Promise<string | undefined> {
  const maxapi = await openSandbox({ label: 'a test' });
  await maxapi.scenario('unavailable', { times: 2, path: '*/submit' });
  await maxapi.scenario('slow=90s, webhook-lost');
  await maxapi.settings({ pace: 'instant', webhook_tries: 2 });
  const [task] = await maxapi.tasks();
  for await (const event of maxapi.follow()) if (event.kind === 'status') break;
  const numbers: number = await withMock((mock) => mock.url.length, { settings: { seed: 7 } });
  return task.result?.urls[numbers];
}

export async function rejected(): Promise<void> {
  const maxapi = await openSandbox();
  // @ts-expect-error: a scenario that does not exist
  await maxapi.scenario('unavailible');
  // @ts-expect-error: a scenario that needs a value
  await maxapi.scenario('slow');
  // @ts-expect-error: a member that no request can match
  await maxapi.scenario('unavailable', { url: '*/submit' });
  // @ts-expect-error: a setting of the mock, not of a sandbox
  await maxapi.settings({ port: 1 });
  // @ts-expect-error: a status that no task has
  await maxapi.waitFor('a task', 'DONE');
  // @ts-expect-error: what is not awaited is not an array
  maxapi.tasks().length;
}
