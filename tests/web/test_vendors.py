"""What other vendors do, as an ordinary client meets it: through real HTTP, with requests."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from typing import Any, Literal

import pytest
import requests

from mockserver.contract import Contract
from mockserver.domain.scenario import SCENARIOS
from mockserver.web.server import Server
from tests.conftest import START
from tests.web.test_scenarios import CUT, SHOWN, App, Hook, serve, shows, shows_each

SECRET = "s3cret"
NOW = str(int(START.timestamp()) + 2)
"""Unix time at which a task that is submitted at the start ends."""


@pytest.fixture(scope="module")
def server(contract: Contract) -> Iterator[Server]:
    """One server for all tests; each has a sandbox of its own."""
    with serve(contract) as server:
        yield server


@pytest.fixture
def hook() -> Iterator[Hook]:
    """The receiver of a test's webhooks."""
    hook = Hook()
    yield hook
    hook.close()


@pytest.fixture
def app(server: Server, hook: Hook, request: pytest.FixtureRequest) -> Iterator[App]:
    """An app with a fresh sandbox."""
    app = App(server.url, request.node.name.encode("ascii", "replace").decode(), hook)
    yield app
    app.close()


def test_every_scenario_is_shown(app: App) -> None:
    """By this file and test_scenarios.py, and in the mock's catalogue."""
    assert SCENARIOS.keys() == SHOWN
    assert [row["name"] for row in app.control.scenarios()] == list(SCENARIOS)


def signed(task_id: str, seconds: str = NOW) -> str:
    """Sign as the documentation of the settings says."""
    text = f"{task_id}.{seconds}".encode()
    return hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()


@shows_each(
    {
        "status=402": (402, "payment required"),
        "status=403": (403, "forbidden"),
        "status=520": (520, "error 520"),
    }
)
def test_any_status(app: App, scenario: str, expected: tuple[int, str]) -> None:
    """The API's envelope with the code, a message for it, and no task."""
    answer = app.submit(scenario)

    envelope = {"code": expected[0], "msg": expected[1]}
    assert (answer.status_code, answer.json()) == (expected[0], envelope)
    assert app.control.tasks() == []


@shows("accepted-but=504", "accepted-but-504", "accepted-but=cut")
def test_an_answer_that_is_lost(app: App, scenario: str) -> None:
    """The client sees an error; the task is there, runs, costs and tells its webhook."""
    if scenario.endswith("cut"):
        with pytest.raises(CUT):
            app.submit(scenario, call_back=True)
    else:
        answer = app.submit(scenario, call_back=True)
        assert (answer.status_code, answer.json()["code"]) == (504, 504)
        assert answer.headers["X-Mock-Scenario"] == "accepted-but=504"

    app.control.advance("2s")

    [task] = app.control.tasks()
    assert (task["status"], task["cost_usd"]) == ("SUCCESS", "0.02")
    assert [told["taskId"] for told in app.hook.tasks()] == [task["taskId"]]


def test_the_answer_to_a_cancellation_can_be_lost_too(app: App) -> None:
    """Whatever request the header is on, it is done."""
    task_id = app.submitted()

    answer = app.http.post(
        f"{app.url}/api/v1/task/{task_id}/cancel",
        headers={"X-Mock-Scenario": "slow=1s, accepted-but-502"},
        timeout=5,
    )

    assert (answer.status_code, app.poll(task_id)["status"]) == (502, "CANCELLED")


SHOWN.discard("accepted-but-504")  # another spelling, not another scenario


@shows("cancel-too-late")
def test_a_cancellation_that_comes_too_late(app: App, scenario: str) -> None:
    """It is accepted as any other; yet the task succeeds, and there is one webhook."""
    task_id = app.submitted(scenario, call_back=True)
    answer = app.http.post(f"{app.url}/api/v1/task/{task_id}/cancel", timeout=5)
    still = app.poll(task_id)["status"]

    app.control.advance("1h")

    assert (answer.status_code, answer.json()) == (200, {"code": 0, "msg": "ok"})
    assert (still, app.poll(task_id)["status"]) == ("PENDING", "SUCCESS")
    assert [task["status"] for task in app.hook.tasks()] == ["SUCCESS"]


@shows_each({"fewer-results": 1, "fewer-results=2": 2, "fewer-results=9": 3})
def test_fewer_results(app: App, scenario: str, expected: int) -> None:
    """At most as many as the scenario says, each with a file; three are paid for."""
    document = {
        "model": "gpt-image-2/text-to-image",
        "input": {"prompt": f"a cat #mock:{scenario} #mock:instant", "n": 3},
    }
    answer = app.http.post(f"{app.url}/api/v1/task/submit", json=document, timeout=5)

    urls = app.poll(answer.json()["data"]["taskId"])["result"]["urls"]

    assert len(urls) == expected
    assert [requests.get(url, timeout=5).status_code for url in urls] == [200] * expected
    assert app.control.tasks()[0]["cost_usd"] == "0.06"


# -- webhooks that prove where they come from ---------------------------------------------------


def heard(app: App, *scenarios: str, **settings: Any) -> tuple[str, list[dict[str, str]]]:
    """Let a task end whose webhook is rejected at first; return its id and all webhooks' proofs."""
    app.control.change_settings(webhook_secret=SECRET, **settings)
    app.hook.answers = [500]
    task_id = app.submitted(*scenarios, call_back=True)
    app.control.advance("1h")
    named = ("x-webhook-timestamp", "x-webhook-signature", "x-maxapi-webhook-secret", "x-own")
    proofs = [{key: told[key] for key in named if key in told} for told in app.hook.headers]
    return task_id, proofs


def test_a_signed_webhook(app: App) -> None:
    """HMAC-SHA-256 of id and time by the sandbox's clock; each attempt is signed anew."""
    task_id, proofs = heard(app)

    later = str(int(NOW) + 1)
    assert proofs == [
        {"x-webhook-timestamp": moment, "x-webhook-signature": signed(task_id, moment)}
        for moment in (NOW, later)
    ]


def test_a_webhook_that_is_sent_again_is_as_it_was(app: App) -> None:
    """With the signature of then."""
    _, proofs = heard(app)

    app.control.resend(app.control.deliveries()[0]["number"])

    assert app.hook.headers[2]["x-webhook-signature"] == proofs[0]["x-webhook-signature"]
    assert app.hook.headers[2]["x-webhook-timestamp"] == proofs[0]["x-webhook-timestamp"]


@pytest.mark.parametrize(
    ("settings", "header"),
    [({}, "x-maxapi-webhook-secret"), ({"webhook_secret_header": "X-Own"}, "x-own")],
)
def test_a_webhook_that_carries_the_secret(app: App, settings: dict[str, str], header: str) -> None:
    """In the header that the settings name."""
    _, proofs = heard(app, webhook_secret_style="header", **settings)

    assert proofs == [{header: SECRET}] * 2


@shows("webhook-unsigned")
def test_an_unsigned_webhook(app: App, scenario: str) -> None:
    """A receiver that asks for a signature finds none."""
    assert heard(app, scenario)[1] == [{}, {}]


@shows("webhook-wrong-signature")
@pytest.mark.parametrize("style", ["hmac", "header"])
def test_a_forged_webhook(app: App, scenario: str, style: str) -> None:
    """There is a signature or a secret, and it is not the right one."""
    task_id, proofs = heard(app, scenario, webhook_secret_style=style)

    said = [value for proof in proofs for value in proof.values()]
    assert len(said) == (2 if style == "header" else 4)
    assert SECRET not in said
    assert signed(task_id) not in said


@pytest.mark.parametrize("style", ["hmac", "header"])
def test_the_secret_is_shown_nowhere(app: App, style: str) -> None:
    """Not in the settings, the journal, or the list of webhooks."""
    heard(app, webhook_secret_style=style)

    settings = app.control.settings()

    assert settings["webhook-secret"] == "[hidden]"
    assert SECRET not in f"{settings} {app.control.requests()} {app.control.deliveries()}"


# -- settings -----------------------------------------------------------------------------------


def test_failures_as_http_200(app: App) -> None:
    """Errors have the status 200 and their code in the body; web pages of proxies do not."""
    app.control.change_settings(error_status="200")

    answers = [app.ask("none"), app.submit("rate-limited=7"), app.submit("status=403")]
    page, missing = app.submit("bad-gateway"), requests.get(f"{app.url}/images/x", timeout=5)

    assert [answer.status_code for answer in answers] == [200] * 3
    assert [answer.json()["code"] for answer in answers] == [404, 429, 403]
    assert answers[1].headers["Retry-After"] == "7"
    assert (page.status_code, missing.status_code) == (502, 404)


@pytest.mark.parametrize("status", [410, 403, 404])
def test_the_status_of_an_expired_file(app: App, status: Literal[410, 403, 404]) -> None:
    """As the setting says; the message is the same."""
    app.control.change_settings(expired_status=status)

    answer = app.fetch(app.submitted("instant", "result-expired"))

    assert (answer.status_code, answer.json()["code"]) == (status, status)
    assert "have expired" in answer.json()["msg"]


@pytest.mark.parametrize(
    ("asked", "status", "part", "content_range"),
    [
        (None, 200, slice(None), None),
        ("bytes=0-9", 206, slice(0, 10), "bytes 0-9/{0}"),
        ("bytes=100-", 206, slice(100, None), "bytes 100-{1}/{0}"),
        ("bytes=-5", 206, slice(-5, None), "bytes {2}-{1}/{0}"),
        ("bytes=99999999-", 416, None, "bytes */{0}"),
        ("bytes=0-1,4-5", 200, slice(None), None),
    ],
)
def test_a_part_of_a_file(
    app: App, asked: str | None, status: int, part: slice | None, content_range: str | None
) -> None:
    """As players ask for it, with lengths that are true; a HEAD tells the length of the whole."""
    task_id = app.submitted("instant")
    [url] = app.poll(task_id)["result"]["urls"]
    whole = requests.get(url, timeout=5).content
    headers = {} if asked is None else {"Range": asked}

    answer, head = (
        requests.request(method, url, headers=headers, timeout=5) for method in ("GET", "HEAD")
    )

    size = len(whole)
    told = content_range and content_range.format(size, size - 1, size - 5)
    assert (answer.status_code, answer.headers.get("Content-Range")) == (status, told)
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert part is None or answer.content == whole[part]
    assert (head.status_code, head.headers["Accept-Ranges"], head.content) == (200, "bytes", b"")
    assert int(head.headers["Content-Length"]) == size
