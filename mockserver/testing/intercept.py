"""Intercepts an app's calls to the API's own URLs, in the process of the test."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from mockserver.contract import load_contract
from mockserver.interception.certificates import api_hosts
from mockserver.interception.patches import install_patches
from mockserver.interception.patches_of_others import patch_others
from mockserver.interception.redirection import Redirection, redirected
from mockserver.network.proxy_environment import past_proxies
from mockserver.testing.mocks import InProcessMock
from mockserver.testing.names import MockSettings
from mockserver.testing.sandbox import MaxapiSandbox
from mockserver.testing.webhook import OnWebhook
from mockserver.web.server import ServerError

if TYPE_CHECKING:
    from flask import Flask


class Intercepted(MaxapiSandbox):
    """The sandbox of an app whose calls to the API's own URLs are intercepted in the process."""

    def __init__(self, mock: InProcessMock, api_key: str | None) -> None:
        of_key = mock.sandbox(api_key)
        super().__init__(of_key.base_url, of_key.api_key, of_key.control)
        self._mock = mock

    @property
    def app(self) -> Flask:
        """The mock as a WSGI application, for clients that take one as their transport."""
        return self._mock.app

    @property
    def on_webhook(self) -> OnWebhook | None:
        """What is called with the webhooks; if None, they are sent by HTTP to local receivers."""
        return self._mock.on_webhook

    @on_webhook.setter
    def on_webhook(self, receiver: OnWebhook | None) -> None:
        self._mock.on_webhook = receiver


@contextmanager
def intercept(
    *,
    api_key: str | None = None,
    on_webhook: OnWebhook | None = None,
    allow_others: bool = False,
    folder: Path | None = None,
    **settings: Unpack[MockSettings],
) -> Iterator[Intercepted]:
    """Redirect every call of this process to `https://api.maxapi.io` and `https://cdn.maxapi.io`.

    Whatever the client (requests, urllib3, httpx, aiohttp, http.client, …) and whatever other mocks
    are active, a call to these hosts is answered by the mock or fails with an error that says why;
    threads, tasks and jobs that began meanwhile never reach the real API afterwards. Other
    processes, and clients with a TLS implementation of their own (pycurl), are out of reach.

    *api_key* is the one that the app sends; it selects the sandbox. *on_webhook* is called with
    the webhooks, in a thread; without it they are sent by HTTP to receivers on this machine. HTTP
    calls to other machines fail as if the network were down, unless *allow_others*. For *folder*
    and *settings* see `running_mock`. The clock of the sandbox stands still. Raises SettingError.

    >>> import requests
    >>> from mockserver.testing import intercept
    >>> draw = {"model": "gpt-image-2/text-to-image", "input": {"prompt": "a cat"}}
    >>> with intercept(api_key="key-of-the-app") as sandbox:
    ...     response = requests.post(
    ...         "https://api.maxapi.io/api/v1/task/submit",
    ...         json=draw,
    ...         headers={"Authorization": "Bearer key-of-the-app"},
    ...     )
    ...     sandbox.wait_for(response.json()["data"]["taskId"])["status"]
    'SUCCESS'
    """
    mock = mock_of_the_api(folder, **settings)
    try:
        with intercept_with(mock, api_key, allow_others=allow_others) as sandbox:
            sandbox.on_webhook = on_webhook
            yield sandbox
    finally:
        mock.close()


def mock_of_the_api(folder: Path | None = None, **settings: Unpack[MockSettings]) -> InProcessMock:
    """Make a mock that takes the API's place: its URLs are those of the API."""
    contract = load_contract()
    settings.setdefault("public_url", contract.fact("cdn_url"))
    return InProcessMock(contract.fact("base_url"), folder, **settings)


@contextmanager
def intercept_with(
    mock: InProcessMock, api_key: str | None, *, allow_others: bool = False
) -> Iterator[Intercepted]:
    """Do the same as `intercept`, with an existing mock."""
    _check_sockets()
    install_patches()
    patch_others()
    hosts = frozenset(api_hosts(load_contract()))
    sandbox = Intercepted(mock, api_key)
    redirection = Redirection(hosts, mock.listen, mock.receiver, allow_others)
    with redirected(redirection), _environment(_without_proxies(hosts)):
        try:
            yield sandbox
        finally:
            sandbox.close()


def _check_sockets() -> None:
    """Raise ServerError if the sockets of this process are not Python's own."""
    monkey: Any = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("socket"):
        raise ServerError(
            "gevent has replaced the sockets of this process, so nothing in it can be intercepted; "
            "use `maxapi-mock run --intercept` or the fixture maxapi_env"
        )


def _without_proxies(hosts: frozenset[str]) -> Mapping[str, str]:
    """Return the variables that bypass a proxy of the user's; none if there is no proxy."""
    proxies = {name.lower() for name in os.environ} & {"http_proxy", "https_proxy", "all_proxy"}
    return past_proxies(os.environ, *(f"https://{host}" for host in hosts)) if proxies else {}


@contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    """Set variables, and restore them, except those that the test has changed itself."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if os.environ.get(name) != changes[name]:
                continue
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
