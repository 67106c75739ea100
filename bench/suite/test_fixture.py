from app import App

from mockserver.testing import Intercepted


def test_in_the_process(maxapi_intercepted: Intercepted, app: App) -> None:
    """The fixture redirects the calls to the API's own URLs."""
    sandbox = maxapi_intercepted
    sandbox.on_webhook = lambda webhook: app.webhooks.append(webhook.task)

    app.check(
        sandbox.base_url, sandbox.api_key, "https://app.example.com/webhook", sandbox.wait_for
    )
