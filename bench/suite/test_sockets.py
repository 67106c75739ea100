from app import App

from mockserver.testing import Inbox, MaxapiSandbox


def test_over_sockets(maxapi: MaxapiSandbox, maxapi_inbox: Inbox, app: App) -> None:
    """The mock and the inbox listen."""

    def finish(task_id: str) -> None:
        maxapi.wait_for(task_id)
        app.webhooks.extend(webhook.task for webhook in maxapi_inbox.wait())

    app.check(maxapi.base_url, maxapi.api_key, maxapi_inbox.url, finish)
