from app import App

from mockserver.testing import intercept


def test_with_intercept(app: App) -> None:
    """Each test makes a mock of its own."""
    with intercept(on_webhook=lambda webhook: app.webhooks.append(webhook.task)) as sandbox:
        app.check(
            sandbox.base_url, sandbox.api_key, "https://app.example.com/webhook", sandbox.wait_for
        )
