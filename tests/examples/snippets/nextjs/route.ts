// app/api/maxapi/webhook/route.ts: a webhook route for Next.js.
// The callBackUrl of a submission is https://…/api/maxapi/webhook?token=$WEBHOOK_TOKEN: no page of the
// API documents a signature, so a secret in the URL says who calls.
import { createHash, timingSafeEqual } from 'node:crypto';

const TERMINAL = ['SUCCESS', 'FAILURE', 'TIMEOUT', 'CANCELLED'];
const ended = new Map<string, { status: string; urls: string[] }>(); // a real app has a database

export async function POST(request: Request): Promise<Response> {
  const token = new URL(request.url).searchParams.get('token') ?? '';
  if (!isEqual(token, process.env.WEBHOOK_TOKEN ?? '')) return new Response(null, { status: 401 });
  const webhook = await request.json().catch(() => null);
  const task = webhook?.data;
  // an error makes the sender try again, which is right for a body that was cut off
  if (!TERMINAL.includes(task?.status)) return new Response(null, { status: 400 });
  if (!ended.has(task.taskId)) {
    ended.set(task.taskId, { status: task.status, urls: task.result?.urls ?? [] });
  } // else it came twice: welcome, and nothing is done twice
  return new Response(null, { status: 204 });
}

export async function GET(request: Request): Promise<Response> {
  const id = new URL(request.url).searchParams.get('taskId') ?? '';
  return Response.json(ended.get(id) ?? { status: 'PENDING', urls: [] });
}

function isEqual(given: string, expected: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return expected !== '' && timingSafeEqual(hash(given), hash(expected));
}
