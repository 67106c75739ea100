"""The control plane through its typed client and a real server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.contract import Contract
from mockserver.domain.durations import stamp
from mockserver.engine.clock import Clock
from mockserver.engine.service import Service
from mockserver.engine.webhooks.attempt import AttemptResult, WebhookRequest
from mockserver.settings import make_settings
from mockserver.testing import ControlClient, ControlError, ScenarioText
from mockserver.web.app import create_app
from mockserver.web.server import Server
from tests.client import SUBMIT, Client, seed
from tests.conftest import START, Receiver, seconds

HOOK = "https://example.com/hook"
TASK = "/api/v1/task"


class App:
    """A user of the API, and the control plane of its sandbox."""

    def __init__(self, url: str, key: str, **options: Any) -> None:
        self.url = url
        self.headers = {"Authorization": f"Bearer {key}"}
        self.control = ControlClient(url, key, **options)

    def submit(self, document: dict[str, Any]) -> requests.Response:
        """Submit a document."""
        return requests.post(self.url + SUBMIT, json=document, headers=self.headers, timeout=5)

    def submitted(self, prompt: str = "a cat", **more: Any) -> str:
        """Submit a request that is accepted; return the task's id."""
        return str(self.submit(seed(prompt=prompt) | more).json()["data"]["taskId"])

    def poll(self, task_id: str) -> dict[str, Any]:
        """Poll a task."""
        answer = requests.get(f"{self.url}{TASK}/{task_id}", headers=self.headers, timeout=5)
        return dict(answer.json()["data"])


@contextmanager
def served(
    contract: Contract, transport: Receiver, start: datetime = START, **changes: Any
) -> Iterator[Server]:
    """Serve with clocks that stand still, and webhooks that go to *transport*."""
    chosen = make_settings(contract, port=0, **changes)
    service = Service(
        contract, chosen, make_clock=lambda: Clock(start, speed=0), transport=transport
    )
    with Server(service) as server:
        yield server


@pytest.fixture
def server(contract: Contract, receiver: Receiver) -> Iterator[Server]:
    """A server of the test's own."""
    with served(contract, receiver) as server:
        yield server


@pytest.fixture
def app(server: Server) -> Iterator[App]:
    """An app with a sandbox of its own."""
    app = App(server.url, "test")
    yield app
    app.control.close()


@contextmanager
def rejected(status: int, *words: str) -> Iterator[None]:
    """Expect an error with these words."""
    with pytest.raises(ControlError) as error:
        yield
    assert error.value.status == status
    assert [word for word in words if word not in str(error.value)] == [], str(error.value)


# -- clock ---------------------------------------------------------------------------------------


def test_the_clock_is_read_frozen_run_and_advanced(app: App) -> None:
    """Each says what it did; an advance says what happened."""
    first = app.control.clock()
    task_id = app.submitted()
    moved = app.control.advance("1500ms")
    until = app.control.advance_until(task_id, "SUCCESS")
    idle = app.control.advance_until_idle()
    app.control.run(speed=10)
    running = app.control.clock()
    app.control.freeze()
    frozen = [app.control.clock() for _ in range(2)]

    assert first == {"now": stamp(START), "speed": 0, "frozen": True}
    assert [(one["status"], one["at"]) for one in moved.happened] == [
        ("PROCESSING", stamp(START + seconds(0.4))),
        ("SUBMITTED", stamp(START + seconds(1))),
    ]
    assert (moved.now, until.now) == (stamp(START + seconds(1.5)), stamp(START + seconds(2)))
    assert [one["status"] for one in until.happened] == ["SUCCESS"]
    assert (idle.happened, idle.now, idle.speed) == ([], until.now, 0)
    assert (running["speed"], running["frozen"]) == (10, False)
    assert frozen[0] == frozen[1]
    assert frozen[0]["now"] >= running["now"] >= until.now


def test_an_advance_to_a_status_shows_the_task_then(app: App) -> None:
    """With its timeline, as if it were asked for at once."""
    task_id = app.submitted()

    moved = app.control.advance_until(task_id, "PROCESSING")

    assert moved.task == app.control.task(task_id)
    assert moved.task["status"] == "PROCESSING"
    assert app.control.advance_until_idle().task is None


def test_a_receiver_may_reset_the_sandbox_during_an_advance(contract: Contract) -> None:
    """There is no task to show then, and that is no error."""

    class Resetting(Receiver):
        def __call__(self, callback: WebhookRequest) -> AttemptResult:
            mock.service.sandboxes.of_key("test").reset(keep_clock=True)
            return super().__call__(callback)

    with served(contract, Resetting()) as mock:
        app = App(mock.url, "test")
        task_id = app.submitted()
        app.submitted("#mock:slow=1s", callBackUrl=HOOK)

        moved = app.control.advance_until(task_id, "SUCCESS")

        assert moved.happened[-1]["event"] == "webhook"
        assert moved.task is None
        app.control.close()


def test_an_advance_beyond_the_calendar_is_rejected(contract: Contract, receiver: Receiver) -> None:
    """A 400 that says so, and the clock stays."""
    with served(contract, receiver, datetime(9999, 12, 30, tzinfo=UTC)) as server:
        control = ControlClient(server.url, "test")
        with rejected(400, "advance: "):
            control.advance("5d")

        assert control.clock()["now"].startswith("9999-12-30")
        control.close()


# -- tasks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("way", "given", "status", "reason"),
    [
        ("finish", (), "SUCCESS", None),
        ("fail", (), "FAILURE", None),
        ("fail", ("CONTENT_MODERATION",), "FAILURE", "CONTENT_MODERATION"),
        ("time_out", (), "TIMEOUT", None),
        ("cancel", (), "CANCELLED", None),
    ],
)
def test_the_operator_ends_a_task(
    app: App, receiver: Receiver, way: str, given: tuple[str, ...], status: str, reason: str | None
) -> None:
    """Now, with its webhook, in any state but a terminal one; then it stays so."""
    task_id = app.submitted("#mock:stuck", callBackUrl=HOOK)
    app.control.advance("1s")

    shown = getattr(app.control, way)(task_id, *given)

    told = json.loads(receiver.next().body)["data"]
    polled = app.poll(task_id)
    assert (polled["status"], polled["failure_reason"]) == (status, reason)
    assert shown.items() >= polled.items()
    assert told == polled
    assert polled["updated_at"] == stamp(START + seconds(1))
    for again in ("finish", "fail", "time_out", "cancel"):
        with rejected(400, task_id, f"it is {status}"):
            getattr(app.control, again)(task_id)
    assert receiver.calls.empty()


def test_results_are_made_to_expire(app: App) -> None:
    """Only those that there are."""
    task_id = app.submitted()
    with rejected(400, task_id, "no results"):
        app.control.expire(task_id)
    app.control.advance("2s")
    url = app.poll(task_id)["result"]["urls"][0]
    before = requests.get(url, timeout=5).status_code

    app.control.expire(task_id)

    assert (before, requests.get(url, timeout=5).status_code) == (200, 410)


@pytest.mark.parametrize("way", ["finish", "fail", "time_out", "cancel", "expire", "task"])
def test_a_task_that_is_not_there(app: App, way: str) -> None:
    """404, also for one of another sandbox."""
    other = App(app.url, "other")
    task_id = other.submitted()
    other.control.close()

    with rejected(404, task_id, "not found in this sandbox"):
        getattr(app.control, way)(task_id)


# -- what was asked and sent ---------------------------------------------------------------------


def test_a_webhook_is_sent_once_more(app: App, receiver: Receiver) -> None:
    """As it was sent, at once; the journal holds both, and a plan to try again stays."""
    receiver.outcomes.append(AttemptResult(500, "returned 500, not 2xx", 0.001))
    task_id = app.submitted(callBackUrl=HOOK)
    app.control.advance("2s")
    first = app.control.deliveries()

    again = app.control.resend(first[0]["number"])

    to_come = [one["at"] for one in app.control.task(task_id)["timeline"] if not one["past"]]
    moved = app.control.advance("2s")
    attempts = [receiver.next() for _ in range(3)]
    assert (first[0]["status"], again["status"], again["delivered"]) == (500, 204, True)
    assert again["body"] == first[0]["body"]
    assert [one["number"] for one in app.control.deliveries()] == [1, 2, 3]
    assert [one["at"] for one in moved.happened] == [stamp(START + seconds(3))]
    assert stamp(START + seconds(3)) in to_come
    assert attempts[0] == attempts[1] == attempts[2]
    with rejected(404, "'4' not found"):
        app.control.resend(4)


def test_requests_are_counted_and_found(app: App) -> None:
    """With the matchers of rules."""
    for prompt, user_id in (("a red cat", "ann"), ("a red dog", "bob"), ("a blue dog", "bob")):
        app.submitted(prompt, user_id=user_id)
    app.submit({})
    count = app.control.count

    assert [
        count(),
        count(prompt="red"),
        count(prompt="red", user_id="bob"),
        count(model="gpt-image-2/*"),
        count(method="GET"),
        count(path="/api/*", nth=4),
        count(prompt="dog", nth=3),
    ] == [4, 2, 1, 3, 0, 1, 0]
    found = app.control.find(user_id="bob", nth=2)
    assert [one["body"]["input"]["prompt"] for one in found["requests"]] == ["a blue dog"]
    assert found["near_misses"] == []


def test_near_misses_say_what_differs(app: App) -> None:
    """The three nearest, the last of equals first; a body that is no JSON differs too."""
    for prompt, user_id in (("a red cat", "ann"), ("a red dog", "bob"), ("a cat", "bob")):
        app.submitted(prompt, user_id=user_id)
    app.submit({})

    found = app.control.find(prompt="green", user_id="bob", method="POST")

    assert found["requests"] == []
    differences = {
        one["request"]["number"]: [text.partition(" ")[0] for text in one["differences"]]
        for one in found["near_misses"]
    }
    assert list(differences.items()) == [
        (3, ["prompt:"]),
        (2, ["prompt:"]),
        (4, ["prompt:", "user_id:"]),
    ]
    assert "'a cat'" in found["near_misses"][0]["differences"][0]
    assert "'green'" in found["near_misses"][0]["differences"][0]


# -- the sandbox ---------------------------------------------------------------------------------


def test_rules_are_listed_and_deleted(app: App) -> None:
    """In their order; the next one speaks when one is gone."""
    first = app.control.add_rule("unavailable", prompt="cat")
    app.control.add_rule(ScenarioText("server-error, latency=0s"))
    statuses = [app.submit(seed(prompt="a cat")).status_code]

    app.control.delete_rule(first["id"])
    statuses.append(app.submit(seed(prompt="a cat")).status_code)
    left = app.control.rules()
    app.control.clear_rules()
    statuses.append(app.submit(seed(prompt="a cat")).status_code)

    assert statuses == [503, 500, 200]
    assert [(rule["match"], rule["scenario"], rule["fired"]) for rule in left] == [
        ({}, "server-error, latency=0s", 1)
    ]
    assert app.control.rules() == []
    for number in (first["id"], int("9" * 4000)):
        with rejected(404, "not found"):
            app.control.delete_rule(number)


def test_the_number_of_a_rule_may_have_any_length(app: App) -> None:
    """Python converts no more than 4300 digits; nobody is to notice."""
    url = f"{app.url}/__mock/rules/{'1' * 5000}"

    answer = requests.delete(url, headers=app.headers, timeout=5)

    assert (answer.status_code, answer.json()["code"]) == (404, 404)


def test_the_balance_is_read_and_set(app: App) -> None:
    """What is left, whatever was spent before; null is unlimited."""
    unlimited = app.control.balance()
    app.submitted()
    app.control.set_balance("0.01")
    task_id = app.submitted()
    app.control.advance("2s")

    refilled = app.control.set_balance(None)

    assert unlimited["balance_usd"] is None
    assert app.poll(task_id)["failure_reason"] == "INSUFFICIENT_POINTS"
    assert refilled["balance_usd"] is None
    assert float(refilled["spent_usd"]) > 0


def test_settings_change_for_this_sandbox_until_a_reset(app: App) -> None:
    """What is shown can be given back; other sandboxes keep theirs."""
    other = ControlClient(app.url, "other")
    before = dict(app.control.settings())

    changed = app.control.change_settings(pace="instant", webhook_tries=5, strict_callbacks=True)

    assert app.poll(app.submitted())["status"] == "SUCCESS"
    assert changed.items() >= {"pace": "instant", "webhook-tries": "5"}.items()
    assert other.settings() == before
    assert app.control.reset() == 1
    assert app.control.settings() == before
    other.close()


def test_settings_that_are_shown_can_be_given_back(app: App) -> None:
    """All of them, as they are."""
    shown: dict[str, Any] = dict(app.control.settings())

    assert app.control.change_settings(**shown) == shown


def test_a_reset_of_everything(app: App) -> None:
    """Each sandbox begins anew; without `all` only the own one does."""
    other = App(app.url, "other")
    for one in (app, other):
        one.submitted()
        one.control.add_rule("unavailable")
        one.control.advance("1s")
    own = app.control.reset()
    kept = (len(other.control.tasks()), len(other.control.rules()))

    everything = app.control.reset(everything=True)

    assert (own, kept, everything) == (1, (1, 1), 1)
    assert (other.control.tasks(), other.control.rules(), other.control.requests()) == ([], [], [])
    assert other.control.clock()["now"] == stamp(START)
    other.control.close()


@contextmanager
def real_time(contract: Contract, receiver: Receiver) -> Iterator[App]:
    """An app of a mock whose clocks run as they do where nobody has touched them."""
    service = Service(contract, make_settings(contract, port=0), transport=receiver)
    with Server(service) as server:
        yield App(server.url, "test")


@pytest.mark.parametrize("everything", [False, True])
def test_a_reset_puts_the_clock_back(
    contract: Contract, receiver: Receiver, *, everything: bool
) -> None:
    """To real time and speed: a task that is submitted after it comes to its end."""
    with real_time(contract, receiver) as app:
        app.control.freeze()
        app.submitted(callBackUrl=HOOK)
        app.control.advance("8d")

        app.control.reset(everything=everything)

        clock = app.control.clock()
        behind = datetime.now(UTC) - datetime.fromisoformat(clock["now"])
        assert (clock["speed"], clock["frozen"]) == (1, False)
        assert abs(behind) < seconds(60)
        assert app.control.task(app.submitted("#mock:instant"))["status"] == "SUCCESS"
        app.control.close()


def test_a_reset_can_keep_the_clock(contract: Contract, receiver: Receiver) -> None:
    """With its moment and speed."""
    with real_time(contract, receiver) as app:
        app.control.freeze()
        app.control.advance("8d")
        before = app.control.clock()

        app.control.reset(keep_clock=True)

        assert app.control.clock() == before
        app.control.close()


def test_webhooks_come_after_a_reset_that_set_the_clock_back(
    contract: Contract, receiver: Receiver
) -> None:
    """What was planned before it is forgotten, and does not stand in the way."""
    with real_time(contract, receiver) as app:
        app.control.advance("8d")
        app.submitted("#mock:slow=1h", callBackUrl=HOOK)
        app.control.reset()

        new = app.submitted("#mock:instant", callBackUrl=HOOK)

        assert new in receiver.next().body.decode()
        assert app.control.advance_until_idle().happened == []
        app.control.close()


# -- wrong requests ------------------------------------------------------------------------------

WRONG: list[tuple[str, str, Any, str]] = [
    ("POST", "clock", {}, "body: {} is empty"),
    ("POST", "clock", [], "body: [] is not an object"),
    ("POST", "clock", {"freeze": False}, "freeze: false is not accepted; use true"),
    ("POST", "clock", {"jump": 1}, "jump: is unknown; use one of freeze, run, speed, advance"),
    ("POST", "clock", {"run": True, "speed": 0}, "speed: 0 is not more than 0; use a number"),
    ("POST", "clock", {"freeze": True, "run": True}, "use one of freeze and run (with speed)"),
    ("POST", "clock", {"advance": "soon"}, "advance: 'soon' is not a duration; use seconds or"),
    ("POST", "clock", {"advance": None}, "advance: null is not "),
    ("POST", "clock", {"advance": -1}, "advance: '-1' is not a duration"),
    ("POST", "clock", {"advance": "4000d"}, "advance: '4000d' is too long; use at most 3650d"),
    ("POST", "clock", {"advance_until": "later"}, "advance_until: 'later' is not \"idle\", or"),
    ("POST", "tasks/TASK/fail", {"reason": "MOOD"}, "reason: 'MOOD' is not accepted; use one of"),
    ("POST", "rules", {}, "scenario: missing; use <name>[=<value>], …"),
    (
        "POST",
        "rules",
        {"scenario": "x"},
        "scenario: 'x' is not a scenario; use one that `maxapi-mock",
    ),
    ("POST", "rules", {"scenario": ","}, "scenario: "),
    ("POST", "rules", {"scenario": "stuck", "times": 0}, "times: 0 is less than 1; use an integer"),
    ("POST", "rules", {"scenario": "stuck", "match": {"nth": 0}}, "match.nth: 0 is less than 1"),
    ("POST", "rules", {"scenario": "stuck", "match": {"x": 0}}, "match.x: is unknown; use one of"),
    ("POST", "requests/count", {"prompt": 1}, "prompt: 1 is not a string"),
    ("POST", "requests/find", {"colour": "red"}, "colour: is unknown; use one of model, prompt"),
    ("PUT", "balance", {}, "balance_usd: missing; use US dollars as a string, for example"),
    ("PUT", "balance", {"balance_usd": 5}, "balance_usd: 5 is not "),
    ("PUT", "balance", {"balance_usd": "-1"}, "balance_usd: '-1' is not US dollars as a string"),
    ("PUT", "balance", {"usd": "5"}, "usd: is unknown; use one of balance_usd"),
    ("PATCH", "settings", {}, "body: {} is empty"),
    ("PATCH", "settings", {"pase": "x"}, "pase: no such setting of a sandbox, did you mean pace?"),
    (
        "PATCH",
        "settings",
        {"port": 1},
        "port: belongs to the whole mock, not to a sandbox; set",
    ),
    ("PATCH", "settings", {"pace": "quick"}, "pace: 'quick' is not accepted; use one of realtime"),
    ("PATCH", "settings", {"duration": None}, "duration: null is not "),
    ("PATCH", "settings", {"chaos": 2}, "chaos: '2' is not accepted; use a probability from 0"),
    ("PATCH", "settings", {"rate-limit": 5}, "rate-limit: '5' is not a rate; use <n>/<duration>"),
    ("POST", "reset?all=maybe", {}, "all: 'maybe' is not accepted; use true or false"),
    ("POST", "reset?all=true&all=true", {}, "query: 'all' is given twice; use all"),
    ("POST", "reset?keep=clock", {}, "query: 'keep' is unknown; use all"),
    ("POST", "reset", {"keep": ["rules"]}, "keep[0]: 'rules' is not accepted; use 'clock'"),
    ("POST", "reset", {"keep": "clock"}, "keep: 'clock' is not an array; use ["),
    ("POST", "reset", {"all": True}, "all: is unknown; use one of keep"),
    ("POST", "tasks/TASK/finish", {"status": "x"}, "body: finish task takes none; send no body"),
    ("DELETE", "rules", [1], "body: clear rules takes none; send no body"),
    ("GET", "tasks?status=PENDING", None, "query: 'status' is unknown; use none"),
    ("PATCH", "settings", {"expect": "teapot"}, "expect: 'teapot' is not accepted; use a status"),
]


@pytest.mark.parametrize(("method", "path", "body", "message"), WRONG)
def test_wrong_bodies_are_explained(
    app: App, method: str, path: str, body: Any, message: str
) -> None:
    """400 with the place and the rule, and nothing is changed."""
    url = f"{app.url}/__mock/{path.replace('TASK', app.submitted('#mock:stuck'))}"
    before = (app.control.settings(), app.control.balance(), app.control.clock())

    answer = requests.request(method, url, json=body, headers=app.headers, timeout=5)

    assert answer.status_code == 400
    assert message in answer.json()["msg"]
    assert (app.control.settings(), app.control.balance(), app.control.clock()) == before
    assert app.control.rules() == []


names = st.sampled_from(
    [
        *("freeze", "run", "speed", "advance", "advance_until", "task", "status", "reason", "usd"),
        *("balance_usd", "keep", "clock", "expect", "count", "all", "delay"),
        *("scenario", "times", "match", "model", "prompt", "user_id", "method", "path", "nth"),
        *("pace", "duration", "balance", "chaos", "rate-limit", "webhook-tries", "cancellable"),
    ]
) | st.text(max_size=5)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["idle", "90s", "5.00", "instant", "stuck", "slow=1s", "SUCCESS", "*", "["]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
bodies = st.dictionaries(names, values, min_size=1, max_size=4) | values


TAKES_BODY = {
    *("count_requests", "find_requests", "fail_task", "add_rule", "move_clock"),
    *("set_balance", "change_settings", "reset", "submit_task", "explain_submission"),
    *("wait_until_held", "release", "set_inbox", "import_state"),
}


@pytest.mark.parametrize("name", sorted(TAKES_BODY))
@settings(max_examples=40)
@given(body=bodies)
def test_no_body_breaks_a_control_operation(client: Client, name: str, body: Any) -> None:
    """Any JSON to any operation gets a response that conforms, and never a 500."""
    operation = client.service.contract.control["operations"][name]
    client.control("reset", "POST")
    task_id = client.submitted(seed(prompt="#mock:stuck"))
    path = operation["path"].replace("{taskId}", task_id).replace("{name}", "app")

    answer = client.control(path.removeprefix("/__mock/"), operation["method"], json=body)

    assert answer.status in (200, 400, 404)
    assert answer.status == 200 or ": " in answer.msg or "not found" in answer.msg


@settings(max_examples=150)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "QUERY"]),
    data=st.data(),
    body=st.binary(max_size=8) | bodies.map(lambda one: json.dumps(one).encode()),
    query=st.dictionaries(st.text(max_size=4) | st.just("all"), st.text(max_size=4), max_size=2),
)
def test_nothing_breaks_the_control_plane(
    client: Client, method: str, data: st.DataObject, body: bytes, query: dict[str, str]
) -> None:
    """Any method, query and body to any of its routes: mistakes are reported, never with a 500."""
    operations = client.service.contract.control["operations"].values()
    path = data.draw(st.sampled_from(sorted({one["path"] for one in operations})))
    last = st.text(min_size=1, max_size=4).map(lambda text: quote(text, safe=""))
    path = re.sub(r"{\w+}", lambda _: data.draw(last), path)
    url = f"{path}?{urlencode(query)}" if query else path

    answer = create_app(client.service).test_client().open(url, method=method, data=body)

    assert answer.status_code in (200, 400, 404, 405)
    assert answer.status_code == 200 or method == "HEAD" or len(answer.get_json()["msg"]) > 10


def test_every_operation_with_a_body_is_tried(contract: Contract) -> None:
    """By the test above."""
    operations = contract.control["operations"].items()

    assert {name for name, operation in operations if "request" in operation} == TAKES_BODY


# -- who may -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("Origin", "https://evil.example", 403),
        ("Origin", "null", 403),
        ("Origin", "http://[", 403),
        ("Host", "evil.example", 403),
        ("Host", "127.0.0.1.evil.example", 403),
        ("Host", "localhost", 200),
        ("Host", "maxapi.localhost:80", 200),
    ],
)
def test_web_pages_of_others_cannot_control(app: App, header: str, value: str, status: int) -> None:
    """Neither by their own name nor by one that they made point here."""
    answer = requests.post(
        f"{app.url}/__mock/reset", headers={**app.headers, header: value}, timeout=5
    )

    assert answer.status_code == status
    assert status == 200 or value.partition("//")[2][:5] in answer.json()["msg"]


def test_the_own_origin_may_control(app: App) -> None:
    """A page of the mock itself."""
    headers = {**app.headers, "Origin": app.url}

    assert requests.get(f"{app.url}/__mock/clock", headers=headers, timeout=5).status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_control_token(contract: Contract, receiver: Receiver, host: str) -> None:
    """With it the control plane is open, without it closed; only health and version are not."""
    with served(contract, receiver, host=host, control_token="secret") as server:
        right, wrong, none = (
            ControlClient(server.url, "test", control_token=token)
            for token in ("secret", "wrong", None)
        )

        assert right.clock()["frozen"]
        for client in (wrong, none):
            with rejected(403, "X-Mock-Control-Token"):
                client.clock()
        for path in ("health", "version"):
            assert requests.get(f"{server.url}/__mock/{path}", timeout=5).status_code == 200
        for client in (right, wrong, none):
            client.close()


def test_a_public_mock_is_closed(contract: Contract, receiver: Receiver) -> None:
    """Without a control token there is no control; a callBackUrl is accepted all the same."""
    with served(contract, receiver, host="0.0.0.0") as server:
        app = App(server.url, "test")
        with rejected(403, "0.0.0.0", "--control-token"):
            app.control.clock()
        accepted = app.submit(seed() | {"callBackUrl": HOOK})
        app.control.close()

    assert accepted.status_code == 200


@pytest.mark.parametrize("expect", ["404,submit:400", 404, ["404", "submit:400"], {404}])
def test_what_is_expected_is_given_in_any_form(app: App, expect: Any) -> None:
    """As a text, a number, or several of them; the sandbox shows it as the command line has it."""
    shown = app.control.change_settings(expect=expect)["expect"]

    assert shown in ("404,submit:400", "404")


# -- the models ----------------------------------------------------------------------------------


def test_models_are_listed_and_shown(app: App) -> None:
    """In short and whole; a name with a slash can be escaped."""
    listed = app.control.models()
    shown = [app.control.model(one["model"]) for one in listed]
    escaped = requests.get(f"{app.url}/__mock/models/gpt-image-2%2Ftext-to-image", timeout=5)

    assert [one["model"] for one in shown] == [one["model"] for one in listed]
    assert all(one.items() <= whole.items() for one, whole in zip(listed, shown, strict=True))
    assert all(whole["fields"] and whole["pixels"] for whole in shown)
    assert escaped.json() in shown


def test_an_unknown_model_is_a_404_with_near_ones(app: App) -> None:
    """As everywhere."""
    with pytest.raises(ControlError, match=r"model: 'veo' is unknown; did you mean 'veo3'") as told:
        app.control.model("veo")

    assert told.value.status == 404
