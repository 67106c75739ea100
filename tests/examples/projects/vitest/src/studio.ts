import { setTimeout as sleep } from 'node:timers/promises';

export interface Options {
  baseUrl: string;
  apiKey: string;
  callBackUrl?: string;
  /** Waits some seconds; a test moves the mock's clock instead. */
  wait?: (seconds: number) => Promise<unknown>;
}

/** Draws pictures by the API. */
export class Studio {
  readonly #options: Options;
  readonly #wait: (seconds: number) => Promise<unknown>;
  readonly #headers: Record<string, string>;

  constructor(options: Options) {
    this.#options = options;
    this.#wait = options.wait ?? ((seconds) => sleep(seconds * 1000));
    this.#headers = {
      authorization: `Bearer ${options.apiKey}`,
      'content-type': 'application/json',
    };
  }

  /** Submits a task; returns its id. Tries three times if the API is busy. */
  async draw(prompt: string): Promise<string> {
    const { baseUrl, callBackUrl } = this.#options;
    const input = { prompt, ratio: '1:1' };
    const body = JSON.stringify({ model: 'gpt-image-2/text-to-image', input, callBackUrl });
    for (let attempt = 1; ; attempt++) {
      const request = { method: 'POST', headers: this.#headers, body };
      const response = await fetch(`${baseUrl}/api/v1/task/submit`, request);
      if (response.ok) return (await response.json()).data.taskId;
      const isBusy = response.status === 429 || response.status >= 500;
      if (!isBusy || attempt === 3) throw new Error(`submit: ${response.status}`);
      await this.#wait(Number(response.headers.get('retry-after') ?? attempt));
    }
  }

  /** Returns the URLs of a task's pictures, or why there are none. */
  async pictures(taskId: string): Promise<string[]> {
    const url = `${this.#options.baseUrl}/api/v1/task/${taskId}`;
    const { data: task } = await (await fetch(url, { headers: this.#headers })).json();
    if (task.status !== 'SUCCESS') throw new Error(task.failure_reason ?? task.status);
    return task.result.urls;
  }
}
