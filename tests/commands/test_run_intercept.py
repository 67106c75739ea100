"""`maxapi-mock run --intercept`: apps that only know the API's own names."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from subprocess import CompletedProcess
from threading import Thread

import pytest
import trustme
from certifi import where

from tests.commands.test_run import PYTHON, RUN, run

pytestmark = pytest.mark.slow

OTHER = "127.0.0.2"
"""This machine, by a name that is not in NO_PROXY."""
NAMED = "other.example"
"""The same, for Node, whose look-ups the test leads there."""
DOCUMENT = json.dumps({"model": "gpt-image-2/text-to-image", "input": {"prompt": "a cat"}})

CURL = r"""
curl() { command curl -sS -H 'Authorization: Bearer k' "$@"; }
api=https://api.maxapi.io/api/v1/task
id=$(curl -H 'Content-Type: application/json' -d "$DOCUMENT" $api/submit |
  sed -n 's/.*"taskId": *"\([^"]*\)".*/\1/p')
url=$(curl $api/$id | sed -n 's/.*"urls": *\["\([^"]*\)".*/\1/p')
echo "$url"
command curl -sS -o image "$url"; head -c 4 image | tail -c 3
"""
REQUESTS = """
import json, os, requests as lib
headers = {"Authorization": "Bearer k", "Content-Type": "application/json"}
api = "https://api.maxapi.io/api/v1/task"
answer = lib.post(api + "/submit", headers=headers, data=os.environ["DOCUMENT"])
task = lib.get(api + "/" + answer.json()["data"]["taskId"], headers=headers).json()["data"]
[url] = task["result"]["urls"]
print(url)
print(lib.get(url).content[1:4].decode(), end="")
"""
FETCH = """
const headers = {Authorization: 'Bearer k', 'Content-Type': 'application/json'};
const api = 'https://api.maxapi.io/api/v1/task';
(async () => {
  const body = process.env.DOCUMENT;
  const answer = await (await fetch(api + '/submit', {method: 'POST', headers, body})).json();
  const task = await (await fetch(api + '/' + answer.data.taskId, {headers})).json();
  const url = task.data.result.urls[0];
  console.log(url);
  const image = await (await fetch(url)).arrayBuffer();
  process.stdout.write(Buffer.from(image).toString('latin1', 1, 4));
})();
"""
HTTPS = """
const https = require('node:https');
function call(url, options, body) {
  return new Promise((resolve, reject) => {
    const request = https.request(url, options, (answer) => {
      const chunks = [];
      answer.on('data', (one) => chunks.push(one));
      answer.on('end', () => resolve(Buffer.concat(chunks)));
    });
    request.on('error', reject);
    request.end(body);
  });
}
const headers = {Authorization: 'Bearer k', 'Content-Type': 'application/json'};
const api = 'https://api.maxapi.io/api/v1/task';
(async () => {
  const sent = {method: 'POST', headers};
  const answer = JSON.parse(await call(api + '/submit', sent, process.env.DOCUMENT));
  const task = JSON.parse(await call(api + '/' + answer.data.taskId, {headers}));
  const url = task.data.result.urls[0];
  console.log(url);
  process.stdout.write((await call(url, {})).toString('latin1', 1, 4));
})();
"""
NODE = f"""
const dns = require('node:dns');
const lookup = dns.lookup;
dns.lookup = (name, ...more) => lookup(name === '{NAMED}' ? '{OTHER}' : name, ...more);
"""
GET = {
    "curl": 'command curl -sS "$URL"',
    "requests": "import os, requests as lib; print(lib.get(os.environ['URL']).text)",
    "fetch": NODE + "fetch(process.env.URL).then((r) => r.text()).then(console.log)",
    "https": NODE + "require('node:https').get(process.env.URL, (r) => r.pipe(process.stdout))",
}
GET["httpx"] = GET["requests"].replace("requests", "httpx")
USE = {
    "curl": CURL,
    "requests": REQUESTS,
    "httpx": REQUESTS.replace("requests", "httpx"),
    "fetch": FETCH,
    "https": HTTPS,
}
"""The same app with different clients: submits, polls, prints the URL and how the file begins."""


def program(client: str, code: str) -> list[str]:
    """Make a command of an app that uses *client*, if it is there."""
    if client in ("requests", "httpx"):
        if find_spec(client) is None:
            pytest.skip(f"no {client} in this environment")
        return [*PYTHON, code]
    name, option = ("curl", "-c") if client == "curl" else ("node", "-e")
    if which(name) is None:
        pytest.skip(f"no {name} on this machine")
    return ["sh" if client == "curl" else name, option, code]


@pytest.mark.parametrize("client", USE)
def test_the_apis_own_names_lead_to_the_mock(tmp_path: Path, client: str) -> None:
    """Without a change to the app: submit, poll, and the file from the API's own CDN."""
    command = program(client, USE[client])

    done = run(tmp_path, ["--intercept", "--pace", "instant"], command, DOCUMENT=DOCUMENT)

    url, _, image = done.stdout.partition("\n")
    assert done.returncode == 0, done.stderr
    assert url.startswith("https://cdn.maxapi.io/images/")
    assert image == "PNG"
    assert done.stderr.startswith(
        "maxapi-mock run: 3 requests, 0 webhook attempts, 0 contract warn"
    )


def test_modules_of_node_are_led_as_well(tmp_path: Path) -> None:
    """Those that import a function by its name, and give port and host one by one."""
    code = (
        "import { connect } from 'node:tls';"
        "const socket = connect(443, 'api.maxapi.io', () => {"
        "  console.log(socket.authorized, socket.remoteAddress); socket.destroy(); });"
    )
    command = [*program("https", code)[:1], "--input-type=module", "-e", code]

    done = run(tmp_path, ["--intercept"], command)

    assert (done.returncode, done.stdout) == (0, "true 127.0.0.1\n")


@contextmanager
def another(folder: Path) -> Iterator[int]:
    """Serve HTTPS that is not the API's, signed for by another.pem; gives the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "7")
            self.end_headers()
            self.wfile.write(b"another")

        def log_message(self, *_: object) -> None:
            pass

    class Listener(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            pass

    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(OTHER, NAMED).configure_cert(context)
    authority.cert_pem.write_to_path(folder / "another.pem")
    try:
        server = Listener((OTHER, 0), Handler)
    except OSError:
        pytest.skip(f"{OTHER} is not an address of this machine")
    with server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_port
        server.shutdown()


def fetch_another(
    folder: Path, client: str, options: list[str], trusts: str
) -> CompletedProcess[str]:
    """Let an app ask a host that is not the API; *trusts* names the variable that lets it trust."""
    command = program(client, GET[client])
    name = NAMED if client in ("fetch", "https") else OTHER
    with another(folder) as port:
        more = {"URL": f"https://{name}:{port}/", trusts: str(folder / "another.pem")}
        return run(folder, ["--intercept", *options], command, **more)


@pytest.mark.parametrize(
    ("client", "reason"),
    [
        ("curl", "403"),
        ("requests", "403"),
        ("httpx", "403"),
        ("fetch", f"maxapi-mock: {NAMED} is not the API; --allow-others lets it pass"),
        ("https", f"maxapi-mock: {NAMED} is not the API; --allow-others lets it pass"),
    ],
)
def test_other_hosts_are_refused(tmp_path: Path, client: str, reason: str) -> None:
    """The app learns it as an error, and the summary names a host that the proxy rejected."""
    done = fetch_another(tmp_path, client, [], "SSL_CERT_FILE")

    assert done.returncode != 0
    assert done.stdout == ""
    assert reason in done.stderr
    proxied = f"no request came at all: {OTHER} is not the API; --allow-others lets it pass\n"
    unknown = "no request came at all: did the command only call other hosts, or go past --interc"
    assert (proxied if reason == "403" else unknown) in done.stderr


def test_a_client_that_does_not_trust_the_mock_is_named(tmp_path: Path) -> None:
    """The summary says that it was there, and where to read what makes it trust."""
    code = f"command curl -sS --cacert {where()} https://api.maxapi.io/"

    done = run(tmp_path, ["--intercept"], program("curl", code))

    why = "api.maxapi.io: the client ended the TLS handshake; docs/clients.md says what makes it"
    assert f"1 x no request came at all: {why}" in done.stderr


@pytest.mark.parametrize(
    ("client", "trusts"),
    [
        ("curl", "SSL_CERT_FILE"),
        ("requests", "SSL_CERT_FILE"),
        ("httpx", "SSL_CERT_FILE"),
        ("fetch", "NODE_EXTRA_CA_CERTS"),
        ("https", "NODE_EXTRA_CA_CERTS"),
        ("curl", "CURL_CA_BUNDLE"),
        ("requests", "REQUESTS_CA_BUNDLE"),
    ],
)
def test_other_hosts_pass_if_they_may(tmp_path: Path, client: str, trusts: str) -> None:
    """Those whose certificates the app would trust without the mock."""
    done = fetch_another(tmp_path, client, ["--allow-others"], trusts)

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "another"


def environment_of(folder: Path, options: list[str], **before: str) -> dict[str, str]:
    """Run a command that shows its variables."""
    command = [*PYTHON, "import json, os; print(json.dumps(dict(os.environ)))"]
    told: dict[str, str] = json.loads(run(folder, options, command, **before).stdout)
    return told


def test_what_leads_the_clients(tmp_path: Path) -> None:
    """Variables, in both cases where clients differ."""
    told = environment_of(tmp_path, ["--intercept"])

    folder = Path(told["SSL_CERT_FILE"]).parent
    assert folder.parent == tmp_path
    assert told["HTTPS_PROXY"].startswith("http://127.0.0.1:")
    assert told["https_proxy"] == told["HTTPS_PROXY"]
    assert told["NO_PROXY"] == told["no_proxy"] == "localhost,127.0.0.1,::1"
    assert told["SSL_CERT_FILE"] == told["REQUESTS_CA_BUNDLE"] == told["CURL_CA_BUNDLE"]
    assert told["NODE_EXTRA_CA_CERTS"] == str(folder / "ca.pem")
    assert told["NODE_USE_ENV_PROXY"] == "1"


def test_what_the_user_has_set_is_kept(tmp_path: Path) -> None:
    """And extended; of the hosts without a proxy, only those that would free the API are not."""
    (tmp_path / ".wgetrc").write_text("user = me\n")
    before = {
        "NODE_OPTIONS": "--no-warnings",
        "PYTHONPATH": "/mine",
        "RUBYOPT": "-W0",
        "RUBYLIB": "/mine",
        "JAVA_TOOL_OPTIONS": "-Dmine=1",
        "PHP_INI_SCAN_DIR": "/mine",
        "NO_PROXY": "a.example,.maxapi.io",
        "no_proxy": "*",
        "MAXAPI_BASE_URL": "https://api.maxapi.io",
    }

    told = environment_of(tmp_path, ["--intercept"], HOME=str(tmp_path), **before)

    folder = Path(told["SSL_CERT_FILE"]).parent
    assert told["NODE_OPTIONS"] == f'--no-warnings --require "{folder}/preload.cjs"'
    assert told["PYTHONPATH"] == f"{folder}/python:/mine"
    assert told["RUBYOPT"] == "-W0 -rmaxapi_mock_preload"
    assert told["RUBYLIB"] == f"{folder}:/mine"
    assert told["JAVA_TOOL_OPTIONS"].startswith("-Dmine=1 -Djavax.net.ssl.trustStore=")
    assert told["PHP_INI_SCAN_DIR"] == f"/mine:{folder}/php"
    assert told["NO_PROXY"] == "a.example,localhost,127.0.0.1,::1"
    assert told["no_proxy"] == "localhost,127.0.0.1,::1"
    assert told["MAXAPI_BASE_URL"] == "https://api.maxapi.io"
    assert told["WGETRC"] == f"{folder}/wgetrc"


def test_the_base_url_is_set_if_it_is_asked_for(tmp_path: Path) -> None:
    """An app that reads it is then a client of the mock's own URL, also when intercepted."""
    seen = [
        environment_of(tmp_path, [*options, "--base-url-suffix", suffix], MAXAPI_BASE_URL="mine")
        for options in ([], ["--intercept"])
        for suffix in ("", "/api/v1", "/a/")
    ]

    assert [one["MAXAPI_BASE_URL"].removeprefix(one["MAXAPI_MOCK_URL"]) for one in seen] == [
        *("", "/api/v1", "/a"),
        *("", "/api/v1", "/a"),
    ]


def test_without_the_option_nobody_is_led(tmp_path: Path) -> None:
    """The command's variables are those of the user, who is kept off his proxy for the mock."""
    names = "${HTTPS_PROXY-} ${https_proxy-} ${SSL_CERT_FILE-} ${NODE_OPTIONS-} ${NO_PROXY-}"

    done = run(tmp_path, [], ["sh", "-c", f"echo {names}"], NO_PROXY="mine")

    assert done.stdout == "mine,localhost,127.0.0.1,::1\n"


@pytest.mark.parametrize("client", GET)
def test_the_mocks_own_url_needs_no_proxy(tmp_path: Path, client: str) -> None:
    """An app can use both; also below a folder whose name has a space."""
    folder = tmp_path / "two words"
    folder.mkdir()
    code = GET[client].replace("$URL", "$MAXAPI_MOCK_URL/api/v1/task/x")
    code = code.replace("os.environ['URL']", "os.environ['MAXAPI_MOCK_URL'] + '/api/v1/task/x'")
    code = code.replace("process.env.URL", "process.env.MAXAPI_MOCK_URL + '/api/v1/task/x'")
    code = code.replace("node:https", "node:http")

    done = run(folder, ["--intercept"], program(client, code))

    assert json.loads(done.stdout) == {"code": 401, "msg": "unauthorized"}


@pytest.mark.parametrize("options", [["--tls"], ["--host", "::1"], ["--host", "127.0.0.2"]])
def test_the_mock_can_be_anywhere(tmp_path: Path, options: list[str]) -> None:
    """Also where it speaks TLS itself, or listens on another address of this machine."""
    code = GET["requests"].replace("os.environ['URL']", "'https://api.maxapi.io/api/v1/task/x'")

    done = run(tmp_path, ["--intercept", *options], program("requests", code))

    assert json.loads(done.stdout or "{}") == {"code": 401, "msg": "unauthorized"}


def test_both_kinds_of_certificates_are_trusted(tmp_path: Path) -> None:
    """Those of the mock's own URL, and those for the API's names."""
    code = GET["requests"].replace("os.environ['URL']", "os.environ['MAXAPI_MOCK_URL']")

    done = run(tmp_path, ["--intercept", "--tls"], program("requests", code))

    assert done.returncode == 0


HTTP_CLIENT = """
import http.client
call = http.client.HTTPSConnection("api.maxapi.io")
call.request("GET", "/api/v1/task/x")
print(call.getresponse().status)
"""
"""An app whose client knows no proxy variable."""


@pytest.mark.parametrize("fails", [False, True])
def test_the_users_own_sitecustomize_runs_as_well(tmp_path: Path, *, fails: bool) -> None:
    """And what it does wrong does not undo what leads to the mock."""
    theirs = "import os\nif 'NODE_USE_ENV_PROXY' in os.environ: print('theirs')\n" + "1 / 0" * fails
    (tmp_path / "sitecustomize.py").write_text(theirs)

    done = run(tmp_path, ["--intercept"], [*PYTHON, HTTP_CLIENT], PYTHONPATH=str(tmp_path))

    assert done.stdout == "theirs\n401\n"


def test_the_inner_of_two_runs_is_called(tmp_path: Path) -> None:
    """Each leads to its own mock."""
    inner = [*RUN, "--intercept", "--", *PYTHON, HTTP_CLIENT]

    done = run(tmp_path, ["--intercept"], inner)

    first, second = [
        line for line in done.stderr.splitlines() if line.startswith("maxapi-mock run: ")
    ]
    assert done.stdout == "401\n"
    assert first.startswith("maxapi-mock run: 1 request,")
    assert second.startswith("maxapi-mock run: 0 requests,")


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ('"api.maxapi.io", 8443', "api.maxapi.io is not at port 8443; use 443"),
        ('"www.example.com"', "www.example.com is not the API; --allow-others lets it pass"),
        ('"192.0.2.1"', "192.0.2.1 is not the API; --allow-others lets it pass"),
    ],
)
def test_python_calls_nobody_else(tmp_path: Path, target: str, said: str) -> None:
    """Whatever the client; no name is looked up."""
    code = HTTP_CLIENT.replace('"api.maxapi.io"', target)

    done = run(tmp_path, ["--intercept"], [*PYTHON, code])

    assert done.returncode == 1
    assert f"ConnectionRefusedError: maxapi-mock: {said}" in done.stderr


def test_the_users_own_authorities_stay_trusted(tmp_path: Path) -> None:
    """Those that are not public ones; without --allow-others, nobody on the internet is."""
    own = trustme.CA().cert_pem.bytes()
    (tmp_path / "own.pem").write_bytes(own + Path(where()).read_bytes())

    command = ["sh", "-c", "cat $SSL_CERT_FILE; ls $SSL_CERT_DIR"]
    done = run(tmp_path, ["--intercept"], command, SSL_CERT_FILE=str(tmp_path / "own.pem"))

    assert done.stdout.count("BEGIN CERTIFICATE") == 2
    assert own.decode().split("\n")[1] in done.stdout


def test_settings_of_wget_are_kept(tmp_path: Path) -> None:
    """Its file is the only way to name an authority."""
    (tmp_path / ".wgetrc").write_text("user = me\n")

    done = run(tmp_path, ["--intercept"], ["sh", "-c", "cat $WGETRC"], HOME=str(tmp_path))

    assert done.stdout.startswith("user = me\n\nca_certificate = /")
