"""Submitting a task: what is checked, in which order, and with which messages."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.conformance.generation import valid_inputs
from mockserver.conformance.invalid_inputs import InvalidInput, invalid_inputs
from mockserver.contract import dump_json, load_contract
from mockserver.domain.scenario import make_script, parse_named
from mockserver.domain.script import WireFault
from mockserver.engine.messages import Request, success
from tests.client import SEED, SUBMIT, Client, seed
from tests.conftest import MakeClient, seconds
from tests.contract.test_loader import CARD, write_card
from tests.contract.test_strict_json import JSON

CONTRACT = load_contract()
MODELS = sorted(CONTRACT.cards)
BREAKAGES = [(model, broken) for model in MODELS for broken in invalid_inputs(CONTRACT, model)]

METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"])
TEXT = st.text(st.characters(codec="utf-8"), max_size=30)


def test_seed_is_accepted_and_ends_as_the_seed_says(client: Client) -> None:
    """The seed's request, word for word: PENDING, and in the end an image URL."""
    task_id = client.submitted(SEED)
    pending = client.poll(task_id)
    client.sandbox.clock.advance(seconds(2))

    done = client.poll(task_id)

    assert pending["status"] == "PENDING"
    assert pending["result"] is None
    assert done["status"] == "SUCCESS"
    assert done["input"] == {"model": SEED["model"], **SEED["input"]}
    assert done["failure_reason"] is None
    sandbox = client.sandbox.id
    assert done["result"] == {
        "type": "image",
        "urls": [f"http://mock.test:80/images/{sandbox}/{task_id}/image-0.png"],
    }


@given(st.integers(0, 99))
def test_the_response_is_the_envelope_with_the_task_id(
    make_client: MakeClient, chosen: int
) -> None:
    """Whatever the id is."""
    client = make_client(seed=str(chosen))

    answer = client.submit(seed())

    (task,) = client.sandbox.tasks()
    assert answer.body == dump_json(success(CONTRACT, {"taskId": task.id}))


@pytest.mark.parametrize("model", MODELS)
def test_every_valid_input_is_accepted(model: str, make_client: MakeClient) -> None:
    """Whatever a card allows becomes a task, which shows every submitted field."""
    client = make_client(pace="instant")

    @given(valid_inputs(CONTRACT, model))
    def accepted(submitted: dict[str, Any]) -> None:
        task = client.poll(client.submitted({"model": model, "input": submitted}))
        assert task["input"] == {"model": model, **submitted}

    accepted()


@pytest.mark.parametrize("model", MODELS)
def test_every_single_violation_is_rejected(model: str, client: Client) -> None:
    """Each clause of each card is enforced, and named at its place."""
    broken = [one for name, one in BREAKAGES if name == model]

    def rejected(one: InvalidInput) -> bool:
        answer = client.submit({"model": model, "input": one.input})
        return answer.status == 400 and answer.msg.startswith(f"{one.place}: ")

    assert [str(one) for one in broken if not rejected(one)] == []


def test_checks_come_in_their_order(make_client: MakeClient) -> None:
    """Token, method, content type, size, JSON, fields: mending one shows the next."""
    client = make_client(max_body=100)
    json_type = {"content-type": "application/json"}
    big, moderated = b"x" * 101, {**seed(prompt="#mock:moderated", imageUrls=["http://a"])}

    answers = [
        client.as_key(None).request("PUT", SUBMIT, big),
        client.request("PUT", SUBMIT, big),
        client.request("POST", SUBMIT, big),
        client.request("POST", SUBMIT, big, json_type),
        client.request("POST", SUBMIT, b"{", json_type),
        client.request("POST", SUBMIT, b"{}", json_type),
        make_client().submit(moderated),
    ]

    assert [answer.status for answer in answers] == [401, 405, 415, 413, 400, 400, 400]
    assert "Expecting property name" in answers[4].msg
    assert answers[5].msg.startswith("model: missing; use one of")
    assert answers[6].msg == "content rejected by moderation"


def test_all_violations_are_in_one_message(client: Client) -> None:
    """A user mends a request once."""
    answer = client.submit({**seed(n=0, ratio="7:5"), "callBackUrl": "x", "user_id": 1})

    assert [part.partition(": ")[0] for part in answer.msg.split(" | ")] == [
        "callBackUrl",
        "user_id",
        "input.ratio",
        "input.n",
    ]


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic dTpw", "bearer", "Token x", "Bearerx"]
)
def test_a_request_without_a_token_is_unauthorized(client: Client, header: str) -> None:
    """The body is the documented one, and a header says what to send."""
    anonymous = client.as_key(None)

    answer = anonymous.request("POST", SUBMIT, b"", {"authorization": header})

    assert answer.json == {"code": 401, "msg": "unauthorized"}
    assert "Authorization: Bearer <API key>" in answer.headers["x-mock-warning"]


def test_only_named_keys_are_accepted_if_any_is(make_client: MakeClient) -> None:
    """`--api-key` makes every other token unauthorized."""
    client = make_client(api_key=frozenset({"a", "b"}))

    assert client.as_key("a").submit(SEED).status == 200
    assert client.as_key("c").submit(SEED).status == 401


@pytest.mark.parametrize(
    ("field", "hint"),
    [
        ("aspect_ratio", "did you mean 'ratio'?"),
        ("image_urls", "did you mean 'imageUrls'?"),
        ("Prompt", "did you mean 'prompt'?"),
        ("resolutions", "did you mean 'resolution'?"),
        ("zzz", "input.zzz: unknown"),
    ],
)
def test_unknown_fields_are_accepted_with_a_warning(client: Client, field: str, hint: str) -> None:
    """The header says which field, and which one was perhaps meant."""
    answer = client.submit(seed(**{field: "x"}))

    assert answer.status == 200
    assert hint in answer.headers["x-mock-warning"]


def test_unknown_envelope_fields_are_pointed_out_too(client: Client) -> None:
    """Several warnings share the header; without any there is none."""
    document = {**seed(zzz=1), "callbackUrl": "http://a"}

    warned, clean = client.submit(document), client.submit(SEED)

    assert warned.headers["x-mock-warning"] == (
        "callbackUrl: unknown, did you mean 'callBackUrl'? | input.zzz: unknown"
    )
    assert "x-mock-warning" not in clean.headers


@given(TEXT)
def test_any_field_name_fits_the_warning_header(name: str) -> None:
    """No text breaks the header, or smuggles in another one."""
    from mockserver.engine.messages import warn
    from mockserver.engine.unknown_fields import unknown_fields

    header = warn(unknown_fields(seed(**{name: 1}), CONTRACT)).get("X-Mock-Warning", "")

    assert header.isascii()
    assert header.isprintable()


def test_moderation_answers_as_documented(client: Client) -> None:
    """The marker names the categories; nothing is stored or charged."""
    answer = client.submit(seed(prompt="a #mock:moderated=sexual,violence/graphic cat"))

    data = answer.json["data"]
    assert answer.status == 400
    assert data["flagged"] is True
    assert [name for name, hit in data["categories"].items() if hit] == [
        "sexual",
        "violence/graphic",
    ]
    assert client.sandbox.tasks() == []


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        ("#mock:moderated=rude", "'rude' is not a category; use some of harassment,"),
        (
            "#mock:moderatd",
            "'moderatd' is not a scenario; did you mean 'moderated'? use one that `maxapi",
        ),
    ],
)
def test_wrong_markers_are_rejected(client: Client, marker: str, said: str) -> None:
    """A marker is never silently ignored."""
    assert said in client.submit(seed(prompt=f"a cat {marker}")).msg


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/x",
        "http://LOCALHOST.:80/x",
        "http://a.localhost/",
        "http://127.0.0.1:9/x",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://[::1]:80/",
        "http://[::ffff:127.0.0.1]/",
        "http://0.0.0.0/",
        "http://\uff11\uff12\uff17.0.0.1/",
        "http://localhost%2e/",
    ],
)
def test_strict_callbacks_refuse_this_machine(make_client: MakeClient, url: str) -> None:
    """As the live service does, in every spelling; by default it is allowed."""
    document = {**seed(), "callBackUrl": url}

    strict, default = (
        make_client(strict_callbacks=True).submit(document),
        make_client().submit(document),
    )

    assert strict.status == 400
    assert strict.msg.startswith("callBackUrl: ")
    assert default.status == 200


@pytest.mark.parametrize(
    "url", ["https://example.com/x", "http://128.0.0.1", "http://1.example", "http://[x"]
)
def test_strict_callbacks_accept_other_hosts(make_client: MakeClient, url: str) -> None:
    """A name is never looked up."""
    assert make_client(strict_callbacks=True).submit({**seed(), "callBackUrl": url}).status == 200


def test_a_model_added_as_a_file_is_served(make_client: MakeClient, tmp_path: Path) -> None:
    """Adding a model touches no Python: it is validated, priced, sized and drawn."""
    write_card(tmp_path, CARD)
    client = make_client(contract=load_contract(more_cards=tmp_path), pace="instant")

    rejected = client.submit({"model": "paint-9", "input": {"prompt": "a", "n": 3}})
    task_id = client.submitted({"model": "paint-9", "input": {"prompt": "a", "n": 2}})

    urls = client.poll(task_id)["result"]["urls"]
    assert rejected.msg == "input.n: 3 is more than 2; use an integer from 1 to 2"
    assert [client.request("GET", url.partition(":80")[2]).status for url in urls] == [200, 200]
    assert client.control(f"tasks/{task_id}").json["cost_usd"] == "1.00"


def test_a_task_that_the_balance_cannot_pay_fails(make_client: MakeClient) -> None:
    """It ends in FAILURE with INSUFFICIENT_POINTS and costs nothing; cheaper ones still run."""
    client = make_client(balance=Decimal("0.05"), pace="instant")

    tasks = [client.poll(client.submitted(seed(n=n))) for n in (2, 1, 4)]

    listed = client.control("tasks").json
    assert [(task["status"], task["failure_reason"]) for task in tasks] == [
        ("SUCCESS", None),
        ("FAILURE", "INSUFFICIENT_POINTS"),
        ("FAILURE", "INSUFFICIENT_POINTS"),
    ]
    assert [task["cost_usd"] for task in listed["tasks"]] == ["0.04", "0.00", "0.00"]
    assert (listed["balance_usd"], listed["spent_usd"]) == ("0.01", "0.04")


def test_a_cancelled_task_gives_its_price_back(make_client: MakeClient) -> None:
    """What a running task will cost is held back, and free again once it is cancelled."""
    client = make_client(balance=Decimal("0.02"))

    first = client.submitted(seed())
    client.cancel(first)
    second = client.submitted(seed())

    client.sandbox.clock.advance(seconds(2))
    assert client.poll(second)["status"] == "SUCCESS"
    assert client.control("tasks").json["balance_usd"] == "0.00"


def test_seeded_ids_repeat(make_client: MakeClient) -> None:
    """The same seed and key produce the same ids, another key others, also after a reset."""
    one, other = make_client(seed="7"), make_client(seed="7")

    first = [one.submitted(SEED), one.submitted(SEED)]

    assert [other.submitted(SEED), other.submitted(SEED)] == first
    assert other.as_key("else").submitted(SEED) not in first
    one.control("reset", "POST")
    assert one.submitted(SEED) == first[0]


def test_of_a_default_polls_get_the_transports_part(make_client: MakeClient) -> None:
    """A server that loses responses loses all; one that rejects submissions handles polls."""
    contract = load_contract()
    asked = make_script(parse_named("failure, truncated, unavailable"), contract)
    client = make_client(scenario=asked)

    submit = client.service.respond(Request("POST", SUBMIT, {"authorization": "Bearer test"}))
    poll = client.service.respond(
        Request("GET", "/api/v1/task/x", {"authorization": "Bearer test"})
    )

    assert (submit.status, poll.status) == (503, 404)
    assert [one.fault and one.fault.wire for one in (submit, poll)] == [WireFault.TRUNCATED] * 2
    assert ("X-Mock-Scenario", "truncated") in poll.headers


@given(document=JSON)
def test_any_json_gets_a_response(client: Client, document: Any) -> None:
    """They are accepted, or rejected in the API's own form; the mock never fails."""
    assert client.submit(document).status in (200, 400)


@given(body=st.binary(max_size=200))
def test_any_bytes_get_a_response(client: Client, body: bytes) -> None:
    """The same for what is not JSON."""
    assert client.submit(body).status in (200, 400)


@given(
    method=METHODS,
    path=TEXT | st.sampled_from(["api/v1/task/", "api/v1/task/submit", "images/a/b/image-0.png"]),
    headers=st.dictionaries(
        st.sampled_from(["authorization", "content-type", "host", "content-length"]) | TEXT, TEXT
    ),
    body=st.binary(max_size=50),
)
def test_any_request_gets_a_response(
    client: Client, method: str, path: str, headers: dict[str, str], body: bytes
) -> None:
    """Any method, path, header and body: the response conforms, and is no 5xx."""
    answer = client.request(method, f"/{path}", body, headers)

    assert answer.status < 500
