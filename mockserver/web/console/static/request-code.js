// A request of the journal as code that sends it again: without any key, which is a variable.

import { pythonValue, quoted } from "./api.js";

/** @typedef {{number: number, at: string, method: string, path: string, query: string,
 *   operation: string, headers: Record<string, string>, body: any, status: number,
 *   response_headers: Record<string, string>, response_body: any, taskId: string | null,
 *   scenarios: string[], warnings: {kind: string, text: string}[],
 *   explanation: import("./reasons.js").Reason[]}} Entry */

const HIDDEN = "[redacted]";
const KEY = "MAXAPI_API_KEY";
/** What every client sets for itself. */
const OWN = new Set([
  "host", "content-length", "transfer-encoding", "connection", "accept", "accept-encoding",
  "accept-language", "user-agent", "origin", "referer", "x-mock-sent-by",
]);
const METHODS = new Set(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]);

/** Each language, with what makes the code of a request. @type {[string, (entry: Entry) => string][]} */
export const LANGUAGES = [
  ["curl", asCurl], ["requests", asRequests], ["fetch", asFetch], ["pytest test", asTest],
];

/** @param {Entry} entry */
function target(entry) {
  const path = entry.path.split("/").map(encodeURIComponent).join("/");
  return path + (entry.query ? `?${entry.query}` : "");
}

/** @param {Entry} entry @returns {[string, string][]} */
function headersOf(entry) {
  return Object.entries(entry.headers)
    .filter(([name]) => !OWN.has(name) && !name.startsWith("sec-"))
    .map(([name, value]) => [name.replace(/(^|-)[a-z]/g, (start) => start.toUpperCase()), value]);
}

/** The variable that has the value of a secret header. @param {string} name */
function variable(name) {
  return name === "Authorization" ? KEY : name.toUpperCase().replace(/[^A-Z0-9]/g, "_");
}

/** @param {Entry} entry */
function bodyText(entry) {
  return typeof entry.body === "string" ? entry.body : JSON.stringify(entry.body);
}

/** @param {Entry} entry @returns {string} */
function asCurl(entry) {
  const parts = ["curl"];
  if (entry.method === "HEAD") parts.push("--head");
  else if (entry.method !== "GET") parts.push(`-X ${quoted(entry.method)}`);
  if (/\/\.\.?(\/|$)/.test(entry.path)) parts.push("--path-as-is");
  parts.push(quoted(location.origin + target(entry)));
  for (const [name, value] of headersOf(entry)) {
    if (value !== HIDDEN) parts.push(`-H ${quoted(`${name}: ${value}`)}`);
    else if (name === "Authorization") parts.push(`-H "Authorization: Bearer $${KEY}"`);
    else parts.push(`-H ${quoted(`${name}: `)}"$${variable(name)}"`);
  }
  if (entry.body !== "") parts.push(`--data-raw ${quoted(bodyText(entry))}`);
  return parts.join(" \\\n  ");
}

/** @param {any} value @param {string} space @returns {string} */
function pretty(value, space) {
  const isList = Array.isArray(value);
  if (typeof value !== "object" || value === null || !Object.keys(value).length) {
    return isList ? "[]" : typeof value === "object" && value ? "{}" : pythonValue(value);
  }
  const inner = `${space}    `;
  const members = isList ? value.map((/** @type {any} */ one) => inner + pretty(one, inner))
    : Object.entries(value).map(([name, one]) => `${inner}${pythonValue(name)}: ${pretty(one, inner)}`);
  const [left, right] = isList ? "[]" : "{}";
  return `${left}\n${members.join(",\n")},\n${space}${right}`;
}

/** @param {Entry} entry */
function isJson(entry) {
  return typeof entry.body !== "string" && /^application\/json/i.test(entry.headers["content-type"] ?? "");
}

/**
 * @param {Entry} entry @param {string} base an expression @param {string} space
 * @param {(name: string) => string} secret returns an expression
 */
function pythonCall(entry, base, space, secret) {
  const inner = `${space}    `, isOfJson = isJson(entry);
  const headers = headersOf(entry).filter(([name]) => !isOfJson || name !== "Content-Type")
    .map(([name, value]) => `${inner}    ${pythonValue(name)}: ${value === HIDDEN ? secret(name) : pythonValue(value)},`);
  const name = METHODS.has(entry.method) ? entry.method.toLowerCase() : "request";
  const lines = [`requests.${name}(`];
  if (name === "request") lines.push(`${inner}${pythonValue(entry.method)},`);
  lines.push(`${inner}${base} + ${pythonValue(target(entry))},`);
  if (isOfJson) lines.push(`${inner}json=${pretty(entry.body, inner)},`);
  else if (entry.body !== "") lines.push(`${inner}data=${pythonValue(bodyText(entry))}.encode(),`);
  if (headers.length) lines.push(`${inner}headers={`, ...headers, `${inner}},`);
  return [...lines, `${inner}timeout=10,`, `${space})`].join("\n");
}

/** @param {Entry} entry @returns {string} */
function asRequests(entry) {
  const needsKey = headersOf(entry).some(([, value]) => value === HIDDEN);
  const call = pythonCall(entry, pythonValue(location.origin), "", (name) => (name === "Authorization"
    ? `f"Bearer {os.environ['${KEY}']}"` : `os.environ["${variable(name)}"]`));
  return `${needsKey ? "import os\n\n" : ""}import requests\n\nresponse = ${call}\n`
    + "print(response.status_code, response.text)\n";
}

/** @param {Entry} entry @returns {string} */
function asFetch(entry) {
  const headers = headersOf(entry).map(([name, value]) => {
    const variableOf = `process.env.${variable(name)}`;
    const secret = name === "Authorization" ? `\`Bearer \${${variableOf}}\`` : variableOf;
    return `    ${JSON.stringify(name)}: ${value === HIDDEN ? secret : JSON.stringify(value)},`;
  });
  const lines = [`const response = await fetch(${JSON.stringify(location.origin + target(entry))}, {`];
  lines.push(`  method: ${JSON.stringify(entry.method)},`);
  if (headers.length) lines.push("  headers: {", ...headers, "  },");
  if (isJson(entry)) {
    lines.push(`  body: JSON.stringify(${JSON.stringify(entry.body, null, 2).replaceAll("\n", "\n  ")}),`);
  } else if (entry.body !== "") lines.push(`  body: ${JSON.stringify(bodyText(entry))},`);
  return `${lines.join("\n")}\n});\nconsole.log(response.status, await response.text());\n`;
}

/** @param {Entry} entry */
function isMadeByRule(entry) {
  const isAsked = "x-mock-scenario" in entry.headers || bodyText(entry).includes("#mock:");
  return entry.scenarios.length > 0 && !isAsked;
}

/** @param {Entry} entry @returns {string} */
function asTest(entry) {
  const call = pythonCall(entry, "maxapi.base_url", "    ", (name) => (name === "Authorization"
    ? "f\"Bearer {maxapi.api_key}\"" : `os.environ["${variable(name)}"]`));
  const lines = ["import requests", "", "from mockserver.testing import MaxapiSandbox", "", ""];
  if (call.includes("os.environ[")) lines.unshift("import os", "");
  const name = `test_${entry.operation.replaceAll(" ", "_")}_returns_${entry.status}`;
  lines.push(`def ${name}(maxapi: MaxapiSandbox) -> None:`);
  if (entry.taskId && entry.operation !== "submit") {
    lines.push("    # the task is one of another sandbox: submit one here first, and use its id");
  }
  if (isMadeByRule(entry)) {
    lines.push(`    maxapi.scenario(${pythonValue(entry.scenarios.join(", "))}, times=1)`);
  }
  lines.push(`    response = ${call}`, "", `    assert response.status_code == ${entry.status}`);
  const said = entry.response_body?.msg;
  if (entry.status >= 400 && typeof said === "string") {
    lines.push(`    assert response.json()["msg"] == ${pythonValue(said)}`);
  }
  return `${lines.join("\n")}\n`;
}
