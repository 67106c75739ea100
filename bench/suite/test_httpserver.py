import json
import re

from app import IMAGE, PNG, SUBMIT, TASK, App, Fake
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response


def test_with_pytest_httpserver(httpserver: HTTPServer, app: App) -> None:
    """The same fake, which listens, as does the receiver of its webhook."""
    fake = Fake(httpserver.url_for(""))

    def receive(request: Request) -> Response:
        app.webhooks.append(json.loads(request.data)["data"])
        return Response()

    def finish(task_id: str) -> None:
        body = fake.finish(task_id)
        app.session.post(httpserver.url_for("/webhook"), data=body).raise_for_status()

    expect = httpserver.expect_request
    expect(SUBMIT).respond_with_handler(lambda request: Response(fake.submit(request.data)))
    expect(re.compile(f"{TASK}.+")).respond_with_handler(
        lambda request: Response(fake.poll(request.path))
    )
    expect("/webhook").respond_with_handler(receive)
    expect(IMAGE).respond_with_data(PNG)

    app.check(fake.base_url.rstrip("/"), "key", "", finish)
