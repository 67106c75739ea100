// The client of the control plane: what the pages know and do goes through here.

/** What the control plane says no to; `message` and `msg` are its own words. */
export class Problem extends Error {
  /** @param {number} status @param {string} msg */
  constructor(status, msg) {
    super(msg);
    this.status = status;
    this.msg = msg;
  }
}

/** @typedef {{method: string, path: string, body?: any}} Sent */

/** The control plane of one sandbox; paths are relative to `/__mock/`. */
export class Api {
  /** @param {string} sandbox its id */
  constructor(sandbox) {
    this.sandbox = sandbox;
    /** @type {(sent: Sent) => void} */
    this.onsent = () => undefined;
  }

  /** @param {string} path @returns {Promise<any>} */
  get(path) {
    return this.call("GET", path);
  }

  /**
   * Change something; the shell shows it as curl and as Python.
   * @param {string} method @param {string} path @param {any} [body] @returns {Promise<any>}
   */
  async send(method, path, body) {
    const answered = await this.call(method, path, body);
    this.onsent({ method, path, body });
    return answered;
  }

  /** @param {string} method @param {string} path @param {any} [body] */
  async call(method, path, body) {
    /** @type {Record<string, string>} */
    const headers = {};
    if (this.sandbox) headers["X-Mock-Sandbox"] = this.sandbox;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const text = body === undefined ? undefined : JSON.stringify(body);
    let response;
    try {
      response = await fetch(`/__mock/${path}`, { method, headers, body: text });
    } catch {
      throw new Problem(0, "The mock does not answer; it has stopped, or is not reachable.");
    }
    const document = await response.json().catch(() => ({ msg: `status ${response.status}` }));
    if (response.ok) return document;
    if (response.status === 403 && /needs its token/.test(document.msg)) askForToken();
    throw new Problem(response.status, document.msg);
  }

  /** @param {string} method @param {string} path @param {any} [body] */
  asCurl(method, path, body) {
    return asCurl(method, path, body, this.sandbox);
  }

  /** @param {string} method @param {string} path @param {any} [body] */
  asPython(method, path, body) {
    return asPython(method, path, body);
  }
}

/** The session is over: the mock was started anew, or the cookie is gone. */
function askForToken() {
  const here = location.pathname + location.search;
  location.replace(`/__mock/console/login?next=${encodeURIComponent(here)}`);
}

/**
 * The command that does the same.
 * @param {string} method @param {string} path @param {any} [body] @param {string} [sandbox]
 */
export function asCurl(method, path, body, sandbox) {
  const parts = ["curl"];
  if (method !== "GET") parts.push("-X", method);
  parts.push(quoted(`${location.origin}/__mock/${path}`));
  if (sandbox) parts.push("-H", quoted(`X-Mock-Sandbox: ${sandbox}`));
  if (body !== undefined) {
    parts.push("-H", quoted("Content-Type: application/json"), "-d", quoted(JSON.stringify(body)));
  }
  return parts.join(" ");
}

/** A text as one word of a shell. @param {string} text */
export function quoted(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** A JSON value as Python. @param {any} value @returns {string} */
export function pythonValue(value) {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map(pythonValue).join(", ")}]`;
  if (typeof value === "object") {
    const members = Object.entries(value).map(([key, one]) => `${pythonValue(key)}: ${pythonValue(one)}`);
    return `{${members.join(", ")}}`;
  }
  return JSON.stringify(value).replace(/[\u007f-\uffff]/g, escaped);
}

/** @param {string} unit */
function escaped(unit) {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** @param {Record<string, any>} members */
function named(members) {
  return Object.entries(members).filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => `${name.replaceAll("-", "_")}=${pythonValue(value)}`);
}

/** @type {[string, RegExp, (place: string[], body: any) => string | null][]} */
const CALLS = [
  ["POST", /^clock$/, (_, body) => clockCall(body)],
  ["POST", /^reset(\?all=true)?$/, ([all], body) => `reset(${[
    all && "everything=True", body?.keep?.length && "keep_clock=True",
  ].filter(Boolean).join(", ")})`],
  ["POST", /^rules$/, (_, { scenario, times, match }) => `add_rule(${[
    pythonValue(scenario), ...named({ times, ...match }),
  ].join(", ")})`],
  ["DELETE", /^rules$/, () => "clear_rules()"],
  ["DELETE", /^rules\/(\d+)$/, ([id]) => `delete_rule(${id})`],
  ["PUT", /^balance$/, (_, body) => `set_balance(${pythonValue(body.balance_usd)})`],
  ["PATCH", /^settings$/, (_, body) => `change_settings(${named(body).join(", ")})`],
  ["POST", /^tasks\/([^/]+)\/fail$/, ([id], body) => `fail(${[
    pythonValue(id), ...(body?.reason ? [pythonValue(body.reason)] : []),
  ].join(", ")})`],
  ["POST", /^tasks\/([^/]+)\/timeout$/, ([id]) => `time_out(${pythonValue(id)})`],
  ["POST", /^tasks\/([^/]+)\/(finish|cancel|expire)$/, ([id, end]) => `${end}(${pythonValue(id)})`],
  ["POST", /^tasks$/, (_, body) => submitCall(body)],
  ["POST", /^requests\/(\d+)\/replay$/, ([number]) => `replay(${number})`],
  ["POST", /^held\/([^/]+)\/release$/, ([name], body) => `release(${[
    pythonValue(name), body?.all && "everything=True",
  ].filter(Boolean).join(", ")})`],
  ["POST", /^deliveries\/(\d+)\/resend$/, ([number]) => `resend(${number})`],
  ["PUT", /^inbox\/([^/]+)$/, ([name], body) => `set_inbox(${[pythonValue(name), ...named(body)].join(", ")})`],
  ["DELETE", /^inbox\/([^/]+)$/, ([name]) => `delete_inbox(${pythonValue(name)})`],
];

/** A submission with members that the client does not know is left to `requests`. @param {any} body */
function submitCall({ model, input, callBackUrl, user_id: userId, scenario, ...others }) {
  if (Object.keys(others).length || model === undefined || input === undefined) return null;
  const given = named({ callback_url: callBackUrl, user_id: userId, scenario });
  return `submit(${[pythonValue(model), pythonValue(input), ...given].join(", ")})`;
}

/** @param {any} body */
function clockCall({ freeze, run, speed, advance, advance_until: until }) {
  const calls = [];
  if (freeze) calls.push("freeze()");
  if (run) calls.push(`run(${speed ?? ""})`);
  if (advance !== undefined) calls.push(`advance(${pythonValue(advance)})`);
  if (until === "idle") calls.push("advance_until_idle()");
  else if (until) {
    calls.push(`advance_until(${pythonValue(until.task)}, ${pythonValue(until.status)})`);
  }
  return calls.join("\ncontrol.");
}

/**
 * The program that does the same. The page does not know the key of the sandbox.
 * @param {string} method @param {string} path @param {any} [body]
 */
export function asPython(method, path, body) {
  for (const [wanted, pattern, call] of CALLS) {
    const found = wanted === method && pattern.exec(path);
    if (!found) continue;
    const place = found.slice(1).map((part) => part && decodeURIComponent(part));
    const made = call(place, body);
    if (made === null) continue;
    return `from mockserver.testing import ControlClient\n\n`
      + `control = ControlClient(${pythonValue(location.origin)}, "YOUR-API-KEY")\n`
      + `control.${made}`;
  }
  const given = body === undefined ? "" : `, json=${pythonValue(body)}`;
  return `import requests\n\nrequests.request(${pythonValue(method)}, `
    + `${pythonValue(`${location.origin}/__mock/${path}`)}${given},\n`
    + `    headers={"Authorization": "Bearer YOUR-API-KEY"})`;
}
