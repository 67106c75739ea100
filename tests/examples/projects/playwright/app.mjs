// A website that draws postcards by the API: the page asks, and shows what the webhook told.
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';

const PAGE = `<!doctype html>
<title>Postcards</title>
<form><label>Motif <input name="prompt" required></label> <button>Draw</button></form>
<p role="status"></p>
<div></div>
<script type="module">
  const [form, status, picture] = document.querySelectorAll('form, p, div');
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    status.textContent = 'Drawing …';
    const prompt = new FormData(form).get('prompt');
    const response = await fetch('/cards', { method: 'POST', body: JSON.stringify({ prompt }) });
    const { id, problem } = await response.json();
    if (problem) return (status.textContent = problem);
    const told = new EventSource('/cards/' + id);
    told.onmessage = ({ data }) => {
      told.close();
      const { url, reason } = JSON.parse(data);
      status.textContent = url ? 'Done' : 'No picture: ' + reason;
      if (url) picture.innerHTML = '<img alt="Your postcard" width="256" src="' + url + '">';
    };
  });
</script>`;

/**
 * @param {{ baseUrl: string, apiKey: string, ownUrl: () => string }} options
 * @returns {import('node:http').Server}
 */
export function website({ baseUrl, apiKey, ownUrl }) {
  /** What is known of each card, and who waits for it. @type {Map<string, any>} */
  const ended = new Map();
  /** @type {Map<string, import('node:http').ServerResponse>} */
  const waiting = new Map();

  /** @param {string} id */
  function tell(id) {
    const card = ended.get(id);
    if (card) waiting.get(id)?.end(`data: ${JSON.stringify(card)}\n\n`);
  }

  /** @param {string} prompt */
  async function draw(prompt) {
    const response = await fetch(`${baseUrl}/api/v1/task/submit`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'gpt-image-2/text-to-image',
        input: { prompt, ratio: '3:2' },
        callBackUrl: `${ownUrl()}/webhook`,
      }),
    });
    if (!response.ok) return { problem: 'Please try again later' };
    return { id: (await response.json()).data.taskId };
  }

  return createServer(async (request, response) => {
    const path = request.url ?? '/';
    if (path === '/webhook') {
      const { data: task } = /** @type {any} */ (await json(request));
      ended.set(task.taskId, { url: task.result?.urls[0], reason: task.failure_reason });
      tell(task.taskId);
      response.writeHead(204).end();
    } else if (path === '/cards') {
      const { prompt } = /** @type {any} */ (await json(request));
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(await draw(prompt)));
    } else if (path.startsWith('/cards/')) {
      const id = path.slice('/cards/'.length);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      waiting.set(id, response);
      tell(id);
    } else {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(PAGE);
    }
  });
}

if (process.argv[1] === import.meta.filename) {
  const { MAXAPI_BASE_URL: baseUrl = 'https://api.maxapi.io', MAXAPI_API_KEY: apiKey = '' } =
    process.env;
  const ownUrl = () => process.env.OWN_URL ?? 'http://127.0.0.1:8000';
  website({ baseUrl, apiKey, ownUrl }).listen(8000);
}
