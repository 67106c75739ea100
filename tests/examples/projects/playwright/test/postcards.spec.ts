import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { expect, test as base } from '@playwright/test';
import {
  maxapiFixtures,
  type MaxapiFixtures,
  type MaxapiWorkerFixtures,
} from 'maxapi-mock/playwright';

import { website } from '../app.mjs';

const withMaxapi = base.extend<MaxapiFixtures, MaxapiWorkerFixtures>(maxapiFixtures());

// The website, on a free port, with a sandbox of the mock for each test.
const test = withMaxapi.extend<{ site: string }>({
  async site({ maxapi }, use) {
    const ownUrl = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const server = website({ ...maxapi, ownUrl }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    await use(ownUrl());
    server.closeAllConnections();
    server.close();
  },
});

test('a postcard', async ({ page, site, maxapi }) => {
  await page.goto(site);
  await page.getByLabel('Motif').fill('a cat at the sea');
  await page.getByRole('button', { name: 'Draw' }).click();
  await expect(page.getByRole('status')).toHaveText('Drawing …');

  await expect.poll(() => maxapi.tasks()).toHaveLength(1);
  await maxapi.waitUntilIdle(); // now the webhook has been delivered

  await expect(page.getByRole('status')).toHaveText('Done');
  await expect(page.getByAltText('Your postcard')).toHaveJSProperty('naturalWidth', 1536);
});

test('moderation', async ({ page, site, maxapi }) => {
  await maxapi.scenario('content-moderation');
  await page.goto(site);
  await page.getByLabel('Motif').fill('a cat');
  await page.getByRole('button', { name: 'Draw' }).click();

  await expect.poll(() => maxapi.tasks()).toHaveLength(1);
  await maxapi.waitUntilIdle();

  await expect(page.getByRole('status')).toHaveText('No picture: CONTENT_MODERATION');
});

test('the API is down', async ({ page, site, maxapi }) => {
  await maxapi.scenario('unavailable', { path: '*/submit' });
  await page.goto(site);
  await page.getByLabel('Motif').fill('a cat');
  await page.getByRole('button', { name: 'Draw' }).click();

  await expect(page.getByRole('status')).toHaveText('Please try again later');
});
