"""A token never comes into a report, whatever a target does with it."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote

import pytest

from contract_tests.checks import CHECKS
from mockserver.conformance.model import Exchange, History, Report
from mockserver.conformance.report.view import view_of
from mockserver.conformance.report.writers import terminal_summary
from mockserver.conformance.session.client import Client
from mockserver.conformance.session.runner import conclude, run_checks
from mockserver.conformance.session.session import Options, Session
from mockserver.conformance.session.spending import Money
from mockserver.contract import Contract
from mockserver.testing.webhook import Webhook
from tests.conformance.reports import written
from tests.conftest import START

TOKEN = "sk-never/to'be<seen"
FORMS = [
    *(json.dumps(TOKEN)[1:-1], repr(TOKEN)[1:-1], quote(TOKEN, safe=""), html.escape(TOKEN)),
    *(TOKEN.upper(), TOKEN.encode().hex(), "".join(f"\\u{ord(one):04x}" for one in TOKEN)),
    *(base64.b64encode(text.encode()).decode() for text in (TOKEN, f"u:{TOKEN}", f"uv{TOKEN}x")),
]
"""The token as it can be written."""


class _Echo(BaseHTTPRequestHandler):
    """Returns what it was sent: in headers, in the message, as the id, and as a field."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _respond(self) -> None:
        said = " or ".join([self.headers.get("Authorization", f"Bearer {TOKEN}"), *FORMS])
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        urls = [f"http://{self.headers['Host']}/{said}?{len(sent)}"]
        task = {"taskId": said, "status": said, "result": {"urls": urls}, said: said}
        body = json.dumps({"code": 0, "msg": said, "data": task}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Said", said)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = _respond  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def echo() -> Iterator[str]:
    """The URL of a target that returns what it was sent."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    server.daemon_threads = True
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def session(contract: Contract, echo: str) -> Iterator[Session]:
    """A session with that target."""
    options = Options(models=("gpt-image-2/text-to-image",), examples=1, patience=0)
    session = Session(contract, options, CHECKS)

    def make(note: Callable[[Exchange], object]) -> Client:
        cost, variable = Money(contract), "$MAXAPI_LIVE_KEY"
        return Client(echo, TOKEN, cost, note, pause=lambda _seconds: None, variable=variable)

    session.connect(make)
    yield session
    session.client.close()
    session.parallel_client.close()


def everything(report: Report, folder: Path) -> str:
    """Return the text of all forms."""
    return "".join([terminal_summary(view_of(report)), *written(report, folder).values()])


@pytest.mark.slow
def test_a_target_that_repeats_the_token_does_not_reveal_it(
    session: Session, tmp_path: Path
) -> None:
    """In headers, messages, ids and names of fields, in all forms; the shell puts in its own."""
    report = run_checks(session, Report(session.client.base_url, START, 0, "a test"))

    text = everything(report, tmp_path)
    assert len({one.check for one in report.findings}) > 10
    assert "x-said: Bearer $MAXAPI_LIVE_KEY" in text
    assert '-H "Authorization: Bearer $MAXAPI_LIVE_KEY"' in text
    assert "$MAXAPI_API_KEY" not in text
    assert [form for form in (TOKEN, *FORMS) if form in text] == []
    assert TOKEN not in html.unescape(text)


def test_a_webhook_with_the_token_does_not_reveal_it(session: Session, tmp_path: Path) -> None:
    """A target may show by it who sends the webhook."""
    session.histories["a-task"] = History("a-task")
    body = json.dumps({"data": {"taskId": "a-task", "status": TOKEN}}).encode()
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "text/plain"}
    session.arrive(Webhook("POST", f"http://127.0.0.1/{TOKEN}", headers, body))
    conclude(session)

    report = Report("", START, 0, "a test", list(session.check_results.values()))

    assert "webhook-conforms" in {one.check for one in report.findings}
    assert TOKEN not in everything(report, tmp_path)
