"""Whatever a target says, the run goes on."""

from __future__ import annotations

import pytest

from contract_tests.checks import CHECKS
from mockserver.conformance.model import History
from mockserver.conformance.session.client import Client
from mockserver.conformance.session.session import Options, Session
from mockserver.conformance.session.spending import Money
from mockserver.contract import Contract
from mockserver.testing.webhook import Webhook


@pytest.mark.parametrize(
    "url",
    [
        "/images/a.png",
        "http://a b/c",
        "http://127.0.0.1:99999/",
        "file:///images/a.png",
        "",
        "nowhere",
        "about:blank",
        "http://[/a.png",
    ],
)
def test_a_url_that_leads_nowhere_is_a_file_that_is_not_there(contract: Contract, url: str) -> None:
    """It is a finding, not the end of the run."""
    session = Session(contract, Options(models=("veo3",)), CHECKS)
    session.connect(lambda note: Client("http://127.0.0.1:9", "a-token", Money(contract), note))

    exchange = session.client.fetch(url)

    assert exchange.status is None
    assert exchange.error is not None


@pytest.mark.parametrize("task_id", ["[]", "{}"])
def test_a_webhook_whose_task_id_is_not_text_is_checked(contract: Contract, task_id: str) -> None:
    """It belongs to the task whose callBackUrl it came to, and does not conform."""
    session = Session(contract, Options(models=("veo3",)), CHECKS)
    session.connect(lambda note: Client("http://127.0.0.1:9", "a-token", Money(contract), note))
    session.histories["a-task"] = History("a-task")
    session.arrivals.expect("a-task", "http://127.0.0.1/verify/0")
    body = f'{{"data": {{"taskId": {task_id}}}}}'.encode()

    session.arrive(Webhook("POST", "http://127.0.0.1/verify/0", {}, body))

    assert [one.body for one in session.histories["a-task"].webhooks] == [body]
