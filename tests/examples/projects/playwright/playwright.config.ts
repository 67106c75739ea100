import { defineConfig } from '@playwright/test';

// CHROMIUM names a browser of the system; without it, Playwright uses its own.
const executablePath = process.env.CHROMIUM;

export default defineConfig({
  testDir: 'test',
  reporter: 'list',
  expect: { timeout: 20_000 },
  use: executablePath ? { launchOptions: { executablePath, args: ['--no-sandbox'] } } : {},
});
