import json
import re

import responses
from app import IMAGE, PNG, SUBMIT, TASK, App, Fake
from requests import PreparedRequest

URL = "https://api.maxapi.io"


def test_with_a_fake_by_responses(app: App) -> None:
    """A fake that is written by hand."""
    fake = Fake(URL)

    def submit(request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        assert isinstance(request.body, bytes)
        return 200, {}, fake.submit(request.body)

    def poll(request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        return 200, {}, fake.poll(str(request.url))

    with responses.RequestsMock() as mock:
        mock.add_callback("POST", URL + SUBMIT, submit)
        mock.add_callback("GET", re.compile(f"{URL}{TASK}.+"), poll)
        mock.add("GET", URL + IMAGE, PNG)
        app.check(
            URL, "key", "", lambda task: app.webhooks.append(json.loads(fake.finish(task))["data"])
        )
