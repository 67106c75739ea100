// A small client of the API: it submits with retries, polls, and receives webhooks.
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

const TERMINAL = ['SUCCESS', 'FAILURE', 'TIMEOUT', 'CANCELLED'];

// The API did not do what was asked; `status` and `data` are those of its response.
export class GaveUp extends Error {
  constructor(message, status, data) {
    super(message);
    Object.assign(this, { status, data });
  }
}

export class App {
  // `wait` takes seconds; a test moves the mock's clock instead.
  constructor({ baseUrl, apiKey, wait = (seconds) => sleep(seconds * 1000), tries = 5 }) {
    this.tasks = `${baseUrl}/api/v1/task`;
    this.headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
    this.wait = wait;
    this.tries = tries;
  }

  // Submits a task; returns its id. Tries again on 429 and 5xx, when the API says so.
  async submit(document) {
    const request = { method: 'POST', headers: this.headers, body: JSON.stringify(document) };
    for (let attempt = 0; attempt < this.tries; attempt++) {
      const response = await fetch(`${this.tasks}/submit`, request);
      if (response.ok) return (await response.json()).data.taskId;
      const body = await response.text();
      if (response.status !== 429 && response.status < 500) {
        const { msg, data } = JSON.parse(body);
        throw new GaveUp(`submit: ${response.status} ${msg}`, response.status, data);
      }
      await this.wait(Number(response.headers.get('retry-after') ?? 2 ** attempt));
    }
    throw new GaveUp(`submit: failed ${this.tries} times`);
  }

  // Waits for the end of a task; returns the URLs of its results.
  async resultOf(taskId, polls = 20) {
    let status = 'UNKNOWN';
    for (let poll = 0; poll < polls && !TERMINAL.includes(status); poll++) {
      if (poll > 0) await this.wait(1);
      const response = await fetch(`${this.tasks}/${taskId}`, { headers: this.headers });
      const task = response.ok ? (await response.json()).data : { status: 'UNKNOWN' };
      if (task.status === 'SUCCESS') return task.result.urls;
      status = task.status;
    }
    throw new GaveUp(`task ${taskId}: ${status}`);
  }
}

// Receives webhooks: each task is charged once, whatever comes, and however often.
export class Webhooks {
  tasks = new Map();
  charged = [];

  // Returns the status to respond with: an error for a broken webhook, which then comes again.
  receive(body) {
    try {
      const task = JSON.parse(body).data;
      if (!TERMINAL.includes(task.status)) return 400;
      if (this.tasks.has(task.taskId)) return 200;
      this.tasks.set(task.taskId, task);
      if (task.status === 'SUCCESS') this.charged.push(task.taskId);
      return 200;
    } catch {
      return 400;
    }
  }

  server() {
    return createServer(async (request, response) => {
      response.writeHead(this.receive(await text(request))).end();
    });
  }
}
