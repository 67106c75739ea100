"""A reverse proxy that changes nothing: bytes go both ways as they come, and are observed."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Self

from mockserver.contract import load_contract
from mockserver.network.listening import base_of, listen_on, one_line_errors, stop_accepting
from mockserver.network.loop_thread import LoopThread, cancel_other_tasks
from mockserver.network.origin import origin_of
from mockserver.proxy.background_worker import BackgroundWorker
from mockserver.proxy.downstream import ClientConnection, ProxyConfig
from mockserver.proxy.observer import ObservedExchange, Observer
from mockserver.proxy.webhook_redirect import WebhookRedirect

_START_TIMEOUT = 30.0
"""Real seconds that the proxy has to start."""
_BACKLOG = 512


class Proxy:
    """Listens on a port of *host*, as a context manager; passes everything on to *upstream*.

    *observer* is called with each exchange that has passed, and *notice* with a line of text where
    something could not be observed; both in one thread of their own, one call after the other. So
    is *report*, which makes the body of `GET /__mock/report`, as HTML if its argument is true.
    With *public_url*, an address at which the API reaches this proxy, webhooks are redirected
    through it. *context* decides which certificates are trusted.
    """

    def __init__(
        self,
        upstream: str,
        *,
        observer: Callable[[ObservedExchange], object],
        notice: Callable[[str], object],
        report: Callable[[bool], bytes],
        host: str = "127.0.0.1",
        port: int = 0,
        public_url: str | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.port = 0
        self._host, self._wanted_port = host, port
        self._notice = notice
        self._worker = BackgroundWorker(self._failed)
        submission = load_contract().service["operations"]["submit"]
        trusted = context or ssl.create_default_context()
        trusted.set_alpn_protocols(["http/1.1"])
        self._config = ProxyConfig(
            origin_of(upstream),
            trusted,
            (submission["method"], submission["path"]),
            WebhookRedirect(public_url),
            Observer(partial(self._pass_on, observer), self._note),
            lambda html: self._worker.submit(partial(report, html)),
            host,
        )
        self._thread = LoopThread(self._serve, "proxy")

    @property
    def url(self) -> str:
        """The base URL that the app is to use for the API."""
        return base_of("http", self._host, self.port)

    def __enter__(self) -> Self:
        """Listen. Raises OSError if the address cannot be used."""
        self._thread.start(_START_TIMEOUT)
        self._worker.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.call(self._stop.set)
        self._thread.join()
        self._worker.__exit__()
        if self._worker.dropped:
            self._notice(
                f"{self._worker.dropped} exchanges were not checked: too many came at once"
            )

    def _pass_on(
        self, observer: Callable[[ObservedExchange], object], exchange: ObservedExchange
    ) -> None:
        self._worker.call(
            partial(observer, exchange), len(exchange.body) + len(exchange.response_body)
        )

    def _failed(self, error: Exception) -> None:
        self._notice(f"an exchange could not be checked: {type(error).__name__}")

    def _note(self, text: str) -> None:
        self._worker.call(partial(self._notice, text))

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        asyncio.get_running_loop().set_exception_handler(one_line_errors(self._note))
        bound = listen_on(self._host, self._wanted_port)
        server = await asyncio.start_server(self._accept, sock=bound, backlog=_BACKLOG)
        self.port = bound.getsockname()[1]
        self._thread.started()
        await self._stop.wait()
        await stop_accepting(server)
        await cancel_other_tasks()
        await asyncio.sleep(0)  # the transports report their ends in the next round of the loop

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = ClientConnection(self._config, reader, writer)
        try:
            await connection.run()
        except asyncio.CancelledError:
            writer.transport.abort()
        except Exception as error:
            self._note(f"an error in the proxy ended a connection: {type(error).__name__}")
            writer.transport.abort()
        finally:
            connection.close()
            with suppress(OSError):
                writer.close()
