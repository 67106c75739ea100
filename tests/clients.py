"""Clients in many languages, and what `run --intercept` does to each of them.

`docs/clients.md` shows these rows, and the tests run them.
"""

from __future__ import annotations

from dataclasses import dataclass

MOCK, ERROR, PAST = "the mock", "an error", "goes past"

DOCUMENT = '{"model": "gpt-image-2/text-to-image", "input": {"prompt": "a cat"}}'
URL = "https://api.maxapi.io/api/v1/task/submit"


@dataclass(frozen=True)
class Row:
    """A client: a program that submits a task or, past the proxy, calls the host in URL."""

    language: str
    client: str
    code: str
    by: str
    """What redirects it to the mock, or limits what it trusts."""
    note: str = ""
    outcome: str = MOCK
    others: str = MOCK
    """The same with `--allow-others`."""
    modules: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    """Options of the interpreter."""


_PY = f"""
import os, sys
URL, DOCUMENT = "{URL}", {DOCUMENT!r}.encode()
HEADERS = {{"Authorization": "Bearer k", "Content-Type": "application/json"}}
"""
_STREAMS = """
import asyncio
async def main():
    reader, writer = await asyncio.open_connection("api.maxapi.io", 443, ssl=True)
    lines = ["POST /api/v1/task/submit HTTP/1.1", "Host: api.maxapi.io", "Connection: close"]
    lines += [f"{name}: {text}" for name, text in HEADERS.items()]
    lines += [f"Content-Length: {len(DOCUMENT)}", "", ""]
    writer.write("\\r\\n".join(lines).encode() + DOCUMENT)
    print((await reader.read()).decode())
    writer.close()
"""
_AIOHTTP = """
import asyncio, aiohttp
async def main():
    async with aiohttp.ClientSession() as session:
        async with session.post(URL, data=DOCUMENT, headers=HEADERS) as response:
            print(await response.text())
"""
_DIRECT = (
    "import http.client, ssl, urllib.parse\n"
    "url = urllib.parse.urlsplit(os.environ['URL'])\n"
    "call = http.client.HTTPSConnection(url.hostname, url.port)\n"
    "call.request('GET', '/'); print(call.getresponse().read())\n"
)
_VARIABLES = "`HTTPS_PROXY`, `SSL_CERT_FILE` and the like"
_HOOK = "`PYTHONPATH`: a `sitecustomize` that runs yours, too"
_TRUST = "only the mock's certificates are trusted, and those that you name yourself"
_NODE_HOOK = "`NODE_OPTIONS=--require`"
_NODE = f"""
const url = '{URL}', body = '{DOCUMENT}';
const headers = {{Authorization: 'Bearer k', 'Content-Type': 'application/json'}};
"""
_REQUEST = "(url, {method: 'POST', headers}, (one) => one.pipe(process.stdout)).end(body);"
_JAVA = (
    "import java.net.*; import java.net.http.*;\n"
    "public class Call { public static void main(String[] args) throws Exception {\n"
    f'String url = "{URL}", body = "{DOCUMENT.replace(chr(34), chr(92) + chr(34))}";\n'
    "%s\n}}\n"
)
_JAVA_CONNECTION = """
HttpURLConnection call = (HttpURLConnection) new URL(url).openConnection();
call.setRequestProperty("Authorization", "Bearer k");
call.setRequestProperty("Content-Type", "application/json");
call.setDoOutput(true);
call.getOutputStream().write(body.getBytes());
System.out.println(new String(call.getInputStream().readAllBytes()));
"""
_JAVA_CLIENT = """
HttpRequest request = HttpRequest.newBuilder(URI.create(url)).header("Authorization", "Bearer k")
  .header("Content-Type", "application/json").POST(HttpRequest.BodyPublishers.ofString(body))
  .build();
System.out.println(HttpClient.newHttpClient()
  .send(request, HttpResponse.BodyHandlers.ofString()).body());
"""
_JAVA_DIRECT = """
URLConnection call = new URL(System.getenv("URL")).openConnection(Proxy.NO_PROXY);
System.out.println(new String(call.getInputStream().readAllBytes()));
"""
_JAVA_BY = "`JAVA_TOOL_OPTIONS`: proxy and trust store; each JVM says so on standard error"
_PHP_CURL = f"""<?php
$call = curl_init('{URL}');
curl_setopt_array($call, [CURLOPT_POSTFIELDS => '{DOCUMENT}', CURLOPT_RETURNTRANSFER => true,
  CURLOPT_HTTPHEADER => ['Authorization: Bearer k', 'Content-Type: application/json']]);
echo curl_exec($call);
"""
_RUBY = f"""
require 'net/http'
headers = {{ 'Authorization' => 'Bearer k', 'Content-Type' => 'application/json' }}
puts Net::HTTP.post(URI('{URL}'), '{DOCUMENT}', headers).body
"""
_RUBY_SOCKET = f"""
require 'socket'
require 'openssl'
tls = OpenSSL::SSL::SSLSocket.new(Socket.tcp('api.maxapi.io', 443))
tls.hostname = 'api.maxapi.io'
tls.connect
body = '{DOCUMENT}'
tls.write("POST /api/v1/task/submit HTTP/1.1\\r\\nHost: api.maxapi.io\\r\\n" \\
  "Connection: close\\r\\n" \\
  "Authorization: Bearer k\\r\\nContent-Type: application/json\\r\\n" \\
  "Content-Length: #{{body.bytesize}}\\r\\n\\r\\n" + body)
puts tls.read
"""
_GO = (
    'package main\nimport ("fmt"; "io"; "net/http"; "os"; "strings")\n'
    "var _, _ = os.Args, strings.NewReader\nfunc main() {\n%s\n"
    "  if err != nil { fmt.Println(err); os.Exit(1) }\n"
    "  body, _ := io.ReadAll(response.Body)\n  fmt.Println(string(body))\n}\n"
)
_GO_CALL = f"""
  request, _ := http.NewRequest("POST", "{URL}", strings.NewReader(`{DOCUMENT}`))
  request.Header.Set("Authorization", "Bearer k")
  request.Header.Set("Content-Type", "application/json")
  response, err := http.DefaultClient.Do(request)
"""
_GO_DIRECT = """
  client := http.Client{Transport: &http.Transport{}}
  response, err := client.Get(os.Getenv("URL"))
"""
_CURL = f"""command curl -sS {URL} -H 'Authorization: Bearer k' \\
  -H 'Content-Type: application/json' -d '{DOCUMENT}'"""
_WGET = f"""wget -q -O - {URL} --header 'Authorization: Bearer k' \\
  --header 'Content-Type: application/json' --post-data '{DOCUMENT}'"""


def _past(language: str, client: str, code: str, **more: object) -> Row:
    """Make a row of a client that ignores what redirects others."""
    note = "set its proxy, or its base URL by `MAXAPI_MOCK_URL`"
    fixed: dict[str, object] = {"by": _TRUST, "note": note, "outcome": ERROR, "others": PAST}
    return Row(language, client, code, **(fixed | more))  # type: ignore[arg-type]


ROWS = (
    Row("curl", "`curl`", _CURL, _VARIABLES),
    _past("curl", "`curl --noproxy '*'`", "command curl -sS --noproxy '*' $URL"),
    Row("wget", "GNU wget", _WGET, "`WGETRC`: a copy of yours, and what it needs"),
    _past("wget", "`wget --no-proxy`", "wget -q -O - --no-proxy $URL"),
    Row(
        "Python",
        "requests",
        _PY + "import requests\n"
        "print(requests.post(URL, data=DOCUMENT, headers=HEADERS, timeout=20).text)",
        _VARIABLES,
        modules=("requests",),
    ),
    Row(
        "Python",
        "httpx",
        _PY + "import httpx\nprint(httpx.post(URL, content=DOCUMENT, headers=HEADERS).text)",
        _VARIABLES,
        modules=("httpx",),
    ),
    Row(
        "Python",
        "httpx, async, `trust_env=False`",
        _PY + "import asyncio, httpx\n"
        "async def main():\n"
        "    async with httpx.AsyncClient(trust_env=False) as client:\n"
        "        print((await client.post(URL, content=DOCUMENT, headers=HEADERS)).text)\n"
        "asyncio.run(main())",
        _HOOK,
        modules=("httpx",),
    ),
    Row(
        "Python",
        "urllib.request",
        _PY + "import urllib.request as lib\n"
        "print(lib.urlopen(lib.Request(URL, DOCUMENT, HEADERS)).read().decode())",
        _VARIABLES,
    ),
    Row(
        "Python",
        "urllib3",
        _PY + "import urllib3\n"
        "response = urllib3.PoolManager().request('POST', URL, body=DOCUMENT, headers=HEADERS)\n"
        "print(response.data.decode())",
        _HOOK,
        modules=("urllib3",),
    ),
    Row(
        "Python",
        "http.client, and a context that trusts anybody",
        _PY + "import http.client, ssl\n"
        "context = ssl._create_unverified_context()\n"
        "call = http.client.HTTPSConnection('api.maxapi.io', context=context)\n"
        "call.request('POST', '/api/v1/task/submit', DOCUMENT, HEADERS)\n"
        "print(call.getresponse().read().decode())",
        _HOOK,
    ),
    Row(
        "Python",
        "http.client, without TLS",
        _PY + "import http.client\n"
        "call = http.client.HTTPConnection('api.maxapi.io')\n"
        "call.request('POST', '/api/v1/task/submit', DOCUMENT, HEADERS)\n"
        "print(call.getresponse().read().decode())",
        _HOOK,
    ),
    Row("Python", "asyncio streams", _PY + _STREAMS + "asyncio.run(main())", _HOOK),
    Row("Python", "aiohttp", _PY + _AIOHTTP + "asyncio.run(main())", _HOOK, modules=("aiohttp",)),
    Row(
        "Python",
        "aiohttp on uvloop, with aiodns",
        _PY + _AIOHTTP + "import uvloop\nuvloop.install()\nasyncio.run(main())",
        _HOOK,
        modules=("aiohttp", "aiodns", "uvloop"),
    ),
    Row(
        "Python",
        "asyncio streams on uvloop",
        _PY + _STREAMS + "import uvloop\nuvloop.install()\nasyncio.run(main())",
        _HOOK,
        modules=("uvloop",),
    ),
    Row(
        "Python",
        "urllib3 below gevent's monkey patches",
        _PY + "from gevent import monkey\nmonkey.patch_all()\nimport urllib3\n"
        "urllib3.PoolManager().request('POST', URL, body=DOCUMENT, headers=HEADERS, retries=0)",
        _HOOK,
        "requests works, by the variables",
        ERROR,
        ERROR,
        modules=("gevent", "urllib3"),
    ),
    _past(
        "Python",
        "http.client with `python -I` or `-S`",
        _PY + _DIRECT,
        words=("-I",),
        note="these do not read `PYTHONPATH`, or run no `sitecustomize`; leave the option out",
    ),
    Row(
        "Node",
        "`fetch`",
        _NODE + "fetch(url, {method: 'POST', headers, body})"
        ".then((one) => one.text()).then(console.log);",
        _NODE_HOOK,
    ),
    Row(
        "Node",
        "`node:https` (axios, got, node-fetch)",
        _NODE + f"require('node:https').request{_REQUEST}",
        _NODE_HOOK,
    ),
    Row(
        "Node",
        "`node:http`, without TLS",
        _NODE + f"require('node:http').request{_REQUEST.replace('url', 'url.replace(/s/, ``)', 1)}",
        _NODE_HOOK,
    ),
    Row(
        "Node",
        "`node:http2`",
        "const session = require('node:http2').connect('https://api.maxapi.io');\n"
        "session.on('error', () => {}).on('close', () => process.exit(1));\n"
        "session.request({':path': '/'}).on('error', () => {})\n"
        "  .on('response', () => process.exit(0));",
        _NODE_HOOK,
        "the mock speaks HTTP/1.1",
        ERROR,
        ERROR,
    ),
    Row("Java", "`java.net.http.HttpClient`", _JAVA % _JAVA_CLIENT, _JAVA_BY),
    Row("Java", "`HttpURLConnection`", _JAVA % _JAVA_CONNECTION, _JAVA_BY),
    _past(
        "Java",
        "without a proxy (Apache HttpClient's own default)",
        _JAVA % _JAVA_DIRECT,
        note="with Apache's, call `useSystemProperties()`",
    ),
    Row("PHP", "curl (Guzzle)", _PHP_CURL, "variables, and an ini by `PHP_INI_SCAN_DIR`"),
    _past("PHP", "streams: `file_get_contents`", "<?php echo file_get_contents(getenv('URL'));"),
    Row("Ruby", "`Net::HTTP` (Faraday, HTTParty)", _RUBY, "`RUBYOPT=-r`"),
    Row("Ruby", "sockets of its own", _RUBY_SOCKET, "`RUBYOPT=-r`"),
    Row("Go", "`http.DefaultClient`", _GO % _GO_CALL, _VARIABLES),
    _past(
        "Go",
        "a `Transport` without `Proxy`",
        _GO % _GO_DIRECT,
        note="set `Proxy: http.ProxyFromEnvironment`",
    ),
)

RUNNERS = {
    "curl": ("sh", "call.sh", "curl"),
    "wget": ("sh", "call.sh", "wget"),
    "Python": ("", "call.py", ""),
    "Node": ("node", "call.cjs", "node"),
    "Java": ("java", "Call.java", "java"),
    "PHP": ("php", "call.php", "php"),
    "Ruby": ("ruby", "call.rb", "ruby"),
    "Go": ("go run", "call.go", "go"),
}
"""What runs a program of each language, the file that it is in, and what has to be installed."""
