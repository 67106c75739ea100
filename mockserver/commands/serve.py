"""`maxapi-mock serve`."""

from __future__ import annotations

import gc
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import click

from mockserver.commands.command import command, option, receives
from mockserver.commands.options import Given, resolve, secrets_of, with_settings
from mockserver.commands.output import PASS
from mockserver.commands.signals import stop_signals
from mockserver.domain.redaction import without_url_secrets
from mockserver.errors import MaxapiMockError
from mockserver.settings import SETTINGS, Resolved, Settings, show_value
from mockserver.version import __version__

if TYPE_CHECKING:
    from socket import socket

    from mockserver.state.replica import Replica
    from mockserver.web.server import Server

LogForm = Literal["off", "requests", "all", "json"]
"""What is printed as it happens."""
_KEYS = 64
"""API keys that are looked for in what is printed: those used last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    settings: Given
    show_settings: bool
    settings_schema: bool
    log: LogForm
    opens_console: bool


@command("serve")
@with_settings()
@option(
    "--log",
    type=click.Choice(get_args(LogForm)),
    default="all",
    help="what is printed as it happens: requests, or all (also states, webhooks and what tests "
    "change), or all as lines of JSON; the default is all",
)
@option("--open", "opens_console", is_flag=True, help="open the console in the browser")
@option("--show-settings", is_flag=True, help="print each setting and its origin, and exit")
@option(
    "--settings-schema", is_flag=True, help="print the JSON Schema of maxapi-mock.toml, and exit"
)
@receives(_Options)
def serve(options: _Options) -> int:
    """Serve until interrupted; return the exit status. Raises MaxapiMockError."""
    if options.settings_schema:
        return _print_schema()
    resolved = resolve(options.settings)
    if options.show_settings:
        _show_settings(resolved)
        return PASS
    from mockserver.commands.event_log import written
    from mockserver.commands.warning_log import WarningLog
    from mockserver.engine.keeping import MEMORY
    from mockserver.engine.service import CONTROL_PREFIX, Service
    from mockserver.web.server import Server

    be_quick()
    with stop_signals() as wait, kept_in(resolved.settings.state) as replica:
        warnings = WarningLog() if options.log == "off" else None
        keeper = MEMORY if replica is None else replica.keeper
        service = Service(resolved.contract, resolved.settings, watch=warnings, keeper=keeper)
        server = Server(service, state=None if replica is None else replica.keeper)

        def secrets() -> list[str | None]:
            return [*service.sandboxes.keys[-_KEYS:], *secrets_of(resolved.settings)]

        if warnings is not None:
            warnings.secrets = secrets
        relayed = None if replica is None else _begin(replica, server)
        server.start()
        try:
            if relayed is not None:
                server.serve_replicas(relayed)
            with redirect_stdout(sys.stderr) if options.log == "json" else nullcontext():
                _say_what_is_served(server, resolved.settings)
                if options.opens_console:
                    _open(f"{server.url}{CONTROL_PREFIX}")
            with written(service.sandboxes, options.log, secrets):
                wait()
        finally:
            server.stop()
    return PASS


def without_extra(missing: ModuleNotFoundError) -> MaxapiMockError:
    """Explain what has to be installed to keep state."""
    from mockserver.commands.suite import installation

    how = installation("state", ("msgspec", "psycopg[binary]", "sqlalchemy"))
    return MaxapiMockError(f"keeping state needs {missing.name}; install what is needed: {how}")


@contextmanager
def kept_in(url: str | None) -> Iterator[Replica | None]:
    """Keep state in the database of *url* meanwhile; None is memory. Raises MaxapiMockError."""
    if url is None:
        yield None
        return
    try:
        from mockserver.state.replica import Replica
    except ModuleNotFoundError as missing:
        raise without_extra(missing) from None
    replica = Replica(url)
    try:
        yield replica
    finally:
        replica.stop()


def _begin(replica: Replica, server: Server) -> socket | None:
    """Begin to keep state; if that is not possible yet, say why.

    Return the socket on which other replicas reach this one, if there can be any.
    """
    from mockserver.network.listening import base_of, listen_on

    address, bound = "", None
    if replica.is_shared:
        settings = server.service.settings
        host = replica.address_for_others(settings.host)
        given = settings.replica_address
        try:
            bound = listen_on(host, 0 if given is None else int(given.rpartition(":")[2]))
        except OSError as error:
            raise MaxapiMockError(f"replica-address: {error.strerror or error}") from None
        own = base_of("tcp", host, bound.getsockname()[1]).partition("://")[2]
        address = own if given is None else given
    problem = replica.start(server.service, address)
    if problem is not None:
        print(f"waiting for the database: {problem}", file=sys.stderr, flush=True)
    return bound


def _open(url: str) -> None:
    """Open a page in the user's browser, or say where it is."""
    import webbrowser

    if not webbrowser.open(url):
        print(f"no browser was found; open {url}", flush=True)


def _print_schema() -> int:
    from mockserver.contract import load_contract
    from mockserver.contract.loader import pretty
    from mockserver.settings.schema import settings_schema

    print(pretty(settings_schema(load_contract())))
    return PASS


def be_quick() -> None:
    """Let the garbage collector rest: records are acyclic, and collecting only costs speed."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _say_what_is_served(server: Server, settings: Settings) -> None:
    """Print where the mock is, what makes clients trust it, and what it does not do by itself."""
    print(f"maxapi-mock {__version__} serves {server.url}", flush=True)
    if settings.state is not None:
        print(f"state is kept in {without_url_secrets(settings.state)}")
    for what in server.service.loaded:
        print(what)
    if settings.is_public and settings.control_token is None:
        print(f"{settings.host} is public: /__mock is closed; open it with --control-token")
    if settings.is_public and settings.callback_allow is None:
        print(f"{settings.host} is public: no webhooks; name their hosts with --callback-allow")
    if server.authority is not None:
        for name, value in server.authority.environment.items():
            print(f"export {name}={shlex.quote(value)}")
    if not settings.is_public or settings.control_token is not None:
        print(f"see it live: {server.url}/__mock/")
    if sys.stdout is not None:
        sys.stdout.flush()


def _show_settings(resolved: Resolved) -> None:
    width = max(map(len, SETTINGS))
    for name in SETTINGS:
        value = show_value(name, getattr(resolved.settings, name))
        print(f"{name.replace('_', '-'):{width}}  {value:22}  {resolved.origins[name]}")
