"""Writes `docs/clients.md`, what `run --intercept` does: `python -m tests.clients_page`."""

from __future__ import annotations

from pathlib import Path

from tests.clients import ROWS, Row

PAGE = Path(__file__).parents[1] / "docs" / "clients.md"

_HEAD = """\
# Clients with hard-coded hosts

`maxapi-mock run --intercept -- COMMAND` redirects the command's calls to `https://api.maxapi.io`
and `https://cdn.maxapi.io` to the mock, whatever language the command and its children are written
in; nothing in the app changes. Other HTTPS hosts are rejected unless `--allow-others` lets them
pass. Each row below is a test: `python -m tests.clients_page` writes this page from the programs
that the tests run.

- *the mock*: the mock responds to the call.
- *an error*: the call fails, and has not reached the API.
- *goes past*: the call reaches the host that it names. Do not run such a client with
  `--allow-others` and a real key.

"""

_TAIL = """
## What it sets

Variables that you have set yourself are kept and extended: `PYTHONPATH`, `NODE_OPTIONS`,
`RUBYOPT`, `RUBYLIB`, `JAVA_TOOL_OPTIONS`, `PHP_INI_SCAN_DIR`, `NO_PROXY`; `WGETRC` names a copy of
your `.wgetrc` with three more lines. From `NO_PROXY` it drops entries that would exempt the API's
own hosts. Other hosts that your `NO_PROXY` names are called directly by clients that read it.

Without `--allow-others`, `SSL_CERT_FILE`, `SSL_CERT_DIR`, `REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE`,
PHP's ini and Java's trust store name the mock's throw-away authority only, plus those authorities
of your own `SSL_CERT_FILE`, `REQUESTS_CA_BUNDLE` and `CURL_CA_BUNDLE` that are not public ones. So
a client that ignores the proxy cannot send a key to the API: its TLS handshake fails.

`MAXAPI_API_KEY` and `MAXAPI_MOCK_URL` are set, too. `MAXAPI_BASE_URL` is left as it is, unless
`--base-url-suffix` asks for it (`--base-url-suffix ''` for none).

## What it cannot do

- A command that clears the environment of its children (`env -i`, `sudo`, `tox` without
  `pass_env`), or talks to a daemon that was started before (Gradle without `--no-daemon`, Docker),
  is not redirected. With `--expect-requests`, it exits with status 1.
- Plain `http://api.maxapi.io` is redirected in Python, Node and Ruby only.
- A certificate that is compiled into the app (pinning; Rust's webpki-roots) is not replaced: its
  calls end in an error.
- .NET, Deno, Bun and Perl are not tested here. .NET on Linux reads `HTTPS_PROXY`, `SSL_CERT_FILE`
  and `SSL_CERT_DIR`; its documentation says so.
- Python older than 3.8 is not redirected by the start-up hook.
- Containers: `maxapi-mock serve --tls` serves HTTPS for the API's own names, to be reached by a
  network alias; it prints the variables that make clients trust it.
"""


def rendered() -> str:
    """Return the complete page."""
    lines = [
        "| language | client | `--intercept` | with `--allow-others` | by | note |",
        "|---|---|---|---|---|---|",
        *map(_row, ROWS),
    ]
    return _HEAD + "\n".join(lines) + "\n" + _TAIL


def _row(row: Row) -> str:
    cells = (row.language, row.client, row.outcome, row.others, row.by, row.note)
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


if __name__ == "__main__":
    PAGE.write_text(rendered(), "utf-8")
