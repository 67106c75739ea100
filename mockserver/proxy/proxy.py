"""A reverse proxy that changes nothing: bytes go both ways as they come, watched from aside."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Event, Thread
from typing import Self

from mockserver.contract import load_contract
from mockserver.network.listening import base_of, faults_to, listen_on
from mockserver.network.origin import origin_of
from mockserver.proxy.background_worker import BackgroundWorker
from mockserver.proxy.downstream import ClientConnection, ProxySetup
from mockserver.proxy.upstream import ObservedExchange, Observer
from mockserver.proxy.webhook_redirect import WebhookRedirect

_PATIENCE = 30.0
"""Real seconds that the proxy has to start."""
_BACKLOG = 512


class Proxy:
    """Listens on a port of *host*, as a context manager; all that comes goes to *upstream*.

    *watch* is given each exchange that has passed, and *notice* a line where there is nothing to
    watch; both are called in one thread of their own, one after the other. So is *report*, which
    makes the body of `GET /__mock/report`, as HTML if it is asked to. With *public_url*, an address
    at which the outside reaches this proxy, webhooks are led through it. *context* says which
    certificates are trusted.
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
        self._aside = BackgroundWorker(self._failed)
        submission = load_contract().service["operations"]["submit"]
        trusted = context or ssl.create_default_context()
        trusted.set_alpn_protocols(["http/1.1"])
        self._setup = ProxySetup(
            origin_of(upstream),
            trusted,
            (submission["method"], submission["path"]),
            WebhookRedirect(public_url),
            Observer(partial(self._pass_on, observer), self._note),
            lambda html: self._aside.ask(partial(report, html)),
            frozenset({host, "localhost", "127.0.0.1", "::1"}),
        )
        self._ready = Event()
        self._failure: OSError | None = None
        self._thread = Thread(target=lambda: asyncio.run(self._serve()), name="proxy", daemon=True)

    @property
    def url(self) -> str:
        """Give it to the app as the base URL of the API."""
        return base_of("http", self._host, self.port)

    def __enter__(self) -> Self:
        """Listen. Raises OSError if that cannot be."""
        self._thread.start()
        self._ready.wait(_PATIENCE)
        if not self.port:
            self._thread.join(_PATIENCE)
            raise self._failure or OSError("the proxy did not start")
        self._aside.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._aside.__exit__()
        if self._aside.left_out:
            self._notice(f"{self._aside.left_out} exchanges were too many at once to be judged")

    def _pass_on(
        self, observer: Callable[[ObservedExchange], object], exchange: ObservedExchange
    ) -> None:
        self._aside.call(
            partial(observer, exchange), len(exchange.body) + len(exchange.response_body)
        )

    def _failed(self, error: Exception) -> None:
        self._notice(f"an exchange was not judged: {type(error).__name__}")

    def _note(self, text: str) -> None:
        self._aside.call(partial(self._notice, text))

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(faults_to(self._note))
        try:
            bound = listen_on(self._host, self._wanted_port)
            server = await asyncio.start_server(self._connected, sock=bound, backlog=_BACKLOG)
            self.port = server.sockets[0].getsockname()[1]
        except OSError as error:
            self._failure = error
            return
        finally:
            self._ready.set()
        await self._stop.wait()
        server.close()
        await asyncio.sleep(0)  # a connection that was just accepted gets its task
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)  # the ends of the connections are called soon

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = ClientConnection(self._setup, reader, writer)
        try:
            await line.run()
        except asyncio.CancelledError:
            writer.transport.abort()
        except Exception as error:
            self._note(f"a connection was ended by a fault of the proxy: {type(error).__name__}")
            writer.transport.abort()
        finally:
            line.close()
            with suppress(OSError):
                writer.close()
