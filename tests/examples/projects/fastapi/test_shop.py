"""The API's URL is in the shop's code; the mock responds there, and sends webhooks to the route."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient
from shop import Shop, make_app

from mockserver.testing import Intercepted, Webhook


@pytest.fixture
def shop(maxapi_intercepted: Intercepted) -> Shop:
    """A shop whose route receives the mock's webhooks."""
    shop = Shop(maxapi_intercepted.api_key, "a-token", signing_secret="a-secret")
    client = TestClient(make_app(shop))

    def receive(webhook: Webhook) -> int:
        url = urlsplit(webhook.url)
        path = f"{url.path}?{url.query}"
        headers = dict(webhook.headers)
        return client.request(
            webhook.method, path, content=webhook.body, headers=headers
        ).status_code

    maxapi_intercepted.settings(webhook_secret="a-secret")
    maxapi_intercepted.on_webhook = receive
    return shop


def test_a_webhook_charges_the_order(shop: Shop, maxapi_intercepted: Intercepted) -> None:
    """Once the picture is there."""
    task_id = shop.order("a cat")
    charged_at_first = list(shop.charged)
    maxapi_intercepted.wait_for(task_id)

    assert (charged_at_first, shop.charged) == ([], [task_id])


def test_a_webhook_that_comes_twice_charges_once(
    shop: Shop, maxapi_intercepted: Intercepted
) -> None:
    """Also the second one is welcome: the response is 2xx."""
    maxapi_intercepted.scenario("webhook-twice")

    task_id = shop.order("a cat")
    maxapi_intercepted.wait_until_idle()

    assert [one["status"] for one in maxapi_intercepted.deliveries] == [204, 204]
    assert shop.charged == [task_id]


@pytest.mark.maxapi(expect="webhook:401")
@pytest.mark.parametrize("scenario", ["webhook-unsigned", "webhook-wrong-signature"])
def test_a_webhook_of_somebody_else_is_rejected(
    shop: Shop, maxapi_intercepted: Intercepted, scenario: str
) -> None:
    """Whoever does not know the secret cannot have an order charged."""
    shop.order(f"a cat #mock:{scenario}")
    maxapi_intercepted.wait_until_idle()

    assert {one["status"] for one in maxapi_intercepted.deliveries} == {401}
    assert shop.charged == []


@pytest.mark.maxapi(expect="webhook:401")
def test_a_webhook_without_the_token_is_rejected(
    shop: Shop, maxapi_intercepted: Intercepted
) -> None:
    """Here the token has changed since the order."""
    shop.order("a cat")
    shop.webhook_token = "another-token"
    maxapi_intercepted.wait_until_idle()

    assert {one["status"] for one in maxapi_intercepted.deliveries} == {401}
    assert shop.charged == []
