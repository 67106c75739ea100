"""A replica that stood still for longer than its lease acts for nothing that others have taken."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import requests

from mockserver.testing import ControlError
from tests.state.receiver import Receiver
from tests.state.serving import DEADLINE, Mock, Serving, eventually

KEY = "key"


def status_of(response: requests.Response) -> str | None:
    """Return the status that a poll shows; None while its sandbox is being taken over."""
    if response.status_code == 503:
        assert response.headers["Retry-After"]
        return None
    return str(response.json()["data"]["status"])


def advanced(mock: Mock, duration: str) -> bool:
    """Advance the clock; return whether the sandbox was there for it."""
    course = {"advance": duration}
    return mock.request("POST", "/__mock/clock", KEY, json=course).status_code == 200


@pytest.mark.slow
def test_what_others_have_taken_over_is_not_shown_from_memory(
    serving: Serving, database_url: str
) -> None:
    """A replica that was paused shows what has happened elsewhere since, or nothing."""
    paused, other = serving.replicas(database_url, number=2)
    paused.control(KEY).freeze()
    task_id = paused.submitted(KEY)
    assert status_of(paused.poll(KEY, task_id)) == "PENDING"

    paused.pause()
    assert eventually(lambda: advanced(other, "1m"))
    with ThreadPoolExecutor(8) as pool:
        polls = [pool.submit(paused.poll, KEY, task_id) for _ in range(8)]
        assert eventually(lambda: all(poll.running() for poll in polls))
        paused.resume()
        shown = {status_of(poll.result()) for poll in polls}

    assert shown <= {None, "SUCCESS"}
    assert eventually(lambda: status_of(paused.poll(KEY, task_id)) == "SUCCESS")


@pytest.mark.slow
def test_a_pause_counts_as_one_crash_for_webhooks(
    serving: Serving, database_url: str, receiver: Receiver
) -> None:
    """What was due while a replica was paused is sent by another one, and at most once more."""
    paused, other = serving.replicas(database_url, "--duration", "1s", number=2)
    tasks = [paused.submitted(KEY, f"{receiver.url}/ok") for _ in range(20)]

    paused.pause()
    assert eventually(lambda: other.poll(KEY, tasks[0]).status_code == 200)
    came = receiver.wait_for_all(dict.fromkeys(tasks, 1))
    paused.resume()
    following = paused.submitted(KEY, f"{receiver.url}/ok")

    assert came
    assert receiver.wait_for_all({following: 1})
    assert all(len(receiver.of(task_id)) <= 2 for task_id in tasks)


@pytest.mark.slow
def test_a_webhook_that_is_due_in_a_pause_is_sent_after_it(
    serving: Serving, database_url: str, receiver: Receiver
) -> None:
    """If there is nobody who takes over, nothing is forgotten."""
    alone = serving(database_url, "--duration", "1s")
    task_id = alone.submitted(KEY, f"{receiver.url}/ok")

    alone.pause()
    assert eventually(lambda: lease_has_ended(database_url))
    alone.resume()

    assert receiver.wait_for_all({task_id: 1})


@pytest.mark.slow
@pytest.mark.parametrize("speed", [0, 2])
def test_an_advance_that_is_cut_by_a_crash_can_be_made_again(
    serving: Serving, database_url: str, receiver: Receiver, speed: int
) -> None:
    """The clock goes on as before, and the webhook that was in flight is sent once more."""
    killed, other = serving.replicas(database_url, "--duration", "1h", number=2)
    if speed:
        killed.control(KEY).run(speed)
    else:
        killed.control(KEY).freeze()
    task_id = killed.submitted(KEY, f"{receiver.url}/slow")
    with ThreadPoolExecutor(1) as pool:
        advancing = pool.submit(killed.control(KEY).advance, "2h")
        assert receiver.wait_for_all({task_id: 1})

        killed.kill()
        receiver.go.set()
        with pytest.raises(ControlError):
            advancing.result(DEADLINE)
    assert eventually(lambda: advanced(other, "2h"))

    assert other.control(KEY).clock()["speed"] == speed
    assert other.polled(KEY, task_id)["data"]["status"] == "SUCCESS"
    assert receiver.wait_for_all({task_id: 2})
    assert len(receiver.of(task_id)) == 2


@pytest.mark.slow
def test_a_replica_that_is_stopped_gives_everything_back(
    serving: Serving, database_url: str, receiver: Receiver
) -> None:
    """Another one has it at once, with what was due later, and nobody waits for a lease."""
    stopped, other = serving.replicas(database_url, "--duration", "3s", number=2)
    task_id = stopped.submitted(KEY, f"{receiver.url}/ok")

    status = stopped.stop()
    poll = other.poll(KEY, task_id)

    assert status == 0
    assert poll.status_code == 200
    assert receiver.wait_for_all({task_id: 1})


def lease_has_ended(url: str) -> bool:
    """Return whether every replica in the database counts as dead."""
    with psycopg.connect(url) as connection:
        living = connection.execute(
            "SELECT count(*) FROM maxapi_mock_replicas"
            " WHERE expires > extract(epoch FROM clock_timestamp())"
        ).fetchone()
    return living == (0,)
