"""Redirects a Python process in `run --intercept` to the mock, whatever client it uses.

A `sitecustomize` runs this file in any Python from 3.8, so it imports nothing of this package; it
patches a module only once the process has imported it, so as not to slow its start.
"""

# ruff: noqa: A002, FBT002, PLR0917 - the signatures are those of the functions that are replaced

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec

TYPE_CHECKING = False  # importing it from typing would cost some milliseconds of every start
if TYPE_CHECKING:
    from typing import Any

MARK = "127.77.65.88"
"""What the API's hosts resolve to: an address of this machine that nothing else uses."""
LOCAL = ("localhost", "::1", "::", "0.0.0.0", "")  # noqa: S104 - it is compared


def install(facts: Any, folder: Any) -> Any:
    """Patch what the process imports; *folder* is where its `sitecustomize` was found.

    *facts* has `hosts`, `tls_port`, `mock` (host and port), `allow_others` and `authority` (PEM).
    """
    try:
        _next_sitecustomize(folder)
    finally:
        redirector = Redirector(facts)
        patches = {
            "socket": redirector.patch_socket,
            "ssl": redirector.patch_ssl,
            "uvloop": redirector.patch_uvloop,
            "aiohttp.resolver": redirector.patch_aiohttp,
        }
        for name in [one for one in patches if one in sys.modules]:
            patches.pop(name)(sys.modules[name])
        sys.meta_path.insert(0, _Finder(patches))


def _next_sitecustomize(folder: Any) -> Any:
    """Run the `sitecustomize` that ours hides."""
    spec = PathFinder.find_spec("sitecustomize", [one for one in sys.path if one != folder])
    if spec is not None and spec.loader is not None:
        module = module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


class _Finder:
    """Calls a function for some modules, right after each was imported."""

    def __init__(self, patches: Any) -> None:
        self._patches = patches

    def find_spec(self, name: Any, path: Any = None, target: Any = None) -> Any:
        patch = self._patches.pop(name, None)  # first: another finder of this kind may ask this one
        if patch is None:
            return None
        others = [one for one in sys.meta_path if one is not self]
        found = (one.find_spec(name, path, target) for one in others if hasattr(one, "find_spec"))
        spec = next((one for one in found if one is not None), None)
        if spec is None or spec.loader is None:
            self._patches[name] = patch
            return spec
        execute = spec.loader.exec_module

        def execute_and_patch(module: Any) -> Any:
            execute(module)
            patch(module)

        spec.loader.exec_module = execute_and_patch  # type: ignore[method-assign]
        return spec


class Redirector:
    """Knows where connections go."""

    def __init__(self, facts: Any) -> None:
        self.facts = facts
        self._trusting: Any = None

    def is_redirected(self, host: Any) -> bool:
        """Return whether a host is one of the API's."""
        return _plain(host) in self.facts["hosts"]

    def is_rejected(self, host: Any) -> bool:
        """Return whether a host must not be called."""
        name = _plain(host)
        return not bool(
            self.facts["allow_others"]
            or name in LOCAL
            or name in self.facts["hosts"]
            or name == self.facts["mock"][0]
            or name.startswith("127.")
        )

    def target(self, host: Any, port: Any) -> Any:
        """Return where a connection to one of the API's hosts goes; other ports are an error."""
        if port in (443, "443", "https", b"443", self.facts["tls_port"]):
            return "127.0.0.1", self.facts["tls_port"]
        if port in (80, "80", "http", b"80", self.facts["mock"][1]):
            return tuple(self.facts["mock"])
        raise ConnectionRefusedError(f"maxapi-mock: {_plain(host)} is not at port {port}; use 443")

    # -- socket: the names, and connections to them ------------------------------------------

    def patch_socket(self, socket: Any) -> Any:
        """Let the API's names resolve to this machine, and connections to them reach the mock."""
        core: Any = sys.modules["_socket"]
        resolve, by_name, by_name_ex = (
            core.getaddrinfo,
            core.gethostbyname,
            core.gethostbyname_ex,
        )

        def getaddrinfo(
            host: Any, port: Any, family: Any = 0, type: Any = 0, proto: Any = 0, flags: Any = 0
        ) -> Any:
            if self.is_redirected(host):
                return [self._address(socket, host, port, family, type)]
            if port in (443, "443", "https") and self.is_rejected(host):
                raise _rejection(host)
            return resolve(host, port, family, type, proto, flags)

        def gethostbyname(host: Any) -> Any:
            return MARK if self.is_redirected(host) else by_name(host)

        def gethostbyname_ex(host: Any) -> Any:
            return (host, [], [MARK]) if self.is_redirected(host) else by_name_ex(host)

        core.getaddrinfo = getaddrinfo
        core.gethostbyname = socket.gethostbyname = gethostbyname
        core.gethostbyname_ex = socket.gethostbyname_ex = gethostbyname_ex
        for name in ("connect", "connect_ex"):
            setattr(socket.socket, name, self._redirected(socket, getattr(socket.socket, name)))

    def _address(self, socket: Any, host: Any, port: Any, family: Any, kind: Any) -> Any:
        """Return what a look-up of one of the API's hosts finds."""
        if family not in (0, socket.AF_INET) or kind not in (0, socket.SOCK_STREAM):
            raise socket.gaierror(
                socket.EAI_NONAME, f"maxapi-mock: {host} has an IPv4 address only, for TCP"
            )
        where = (MARK, self.target(host, port)[1] if port else 0)
        return (int(socket.AF_INET), int(socket.SOCK_STREAM), 6, "", where)

    def _redirected(self, socket: Any, connect: Any) -> Any:
        def connect_redirected(sock: Any, address: Any) -> Any:
            if sock.family in (socket.AF_INET, socket.AF_INET6) and sock.type == socket.SOCK_STREAM:
                address = self._destination(address)
            return connect(sock, address)

        return connect_redirected

    def _destination(self, address: Any) -> Any:
        host, port = address[:2]
        if host == MARK or self.is_redirected(host):
            return self.target(host, port)
        if port == 443 and self.is_rejected(host):
            raise _rejection(host)
        return address

    # -- ssl: who is trusted -----------------------------------------------------------------

    def patch_ssl(self, ssl: Any) -> Any:
        """Accept the mock's certificate, and no other, for the API's names."""
        wrap_socket, wrap_bio = ssl.SSLContext.wrap_socket, ssl.SSLContext.wrap_bio

        def redirected_socket(
            context: Any,
            sock: Any,
            server_side: Any = False,
            do_handshake_on_connect: Any = True,
            suppress_ragged_eofs: Any = True,
            server_hostname: Any = None,
            session: Any = None,
        ) -> Any:
            context, session = self._context(ssl, context, server_side, server_hostname, session)
            return wrap_socket(
                context,
                sock,
                server_side,
                do_handshake_on_connect,
                suppress_ragged_eofs,
                server_hostname,
                session,
            )

        def redirected_bio(
            context: Any,
            incoming: Any,
            outgoing: Any,
            server_side: Any = False,
            server_hostname: Any = None,
            session: Any = None,
        ) -> Any:
            context, session = self._context(ssl, context, server_side, server_hostname, session)
            return wrap_bio(context, incoming, outgoing, server_side, server_hostname, session)

        ssl.SSLContext.wrap_socket, ssl.SSLContext.wrap_bio = (
            redirected_socket,
            redirected_bio,
        )

    def _context(self, ssl: Any, context: Any, server_side: Any, host: Any, session: Any) -> Any:
        if server_side or host is None or getattr(context, "is_of_mock", False):
            return context, session  # the last is the context of an interception inside this one
        if self.is_redirected(host):
            if self._trusting is None:
                self._trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                self._trusting.is_of_mock = True
                self._trusting.load_verify_locations(cadata=self.facts["authority"])
            return self._trusting, None
        if self.is_rejected(host):
            raise _rejection(host)
        return context, session

    # -- what resolves names without the module socket ---------------------------------------

    def patch_uvloop(self, uvloop: Any) -> Any:
        """Let uvloop's event loops, which connect without `socket`, connect to the mock."""
        connect, resolve = uvloop.Loop.create_connection, uvloop.Loop.getaddrinfo

        def create_connection(
            loop: Any, factory: Any, host: Any = None, port: Any = None, **more: Any
        ) -> Any:
            if host is not None and (self.is_redirected(host) or host == MARK):
                if more.get("ssl"):
                    more["server_hostname"] = more.get("server_hostname") or host
                host, port = self.target(host, port)
            return connect(loop, factory, host, port, **more)

        async def getaddrinfo(loop: Any, host: Any, port: Any, **more: Any) -> Any:
            if self.is_redirected(host):
                host, port = self.target(host, port)
            return await resolve(loop, host, port, **more)

        uvloop.Loop.create_connection, uvloop.Loop.getaddrinfo = create_connection, getaddrinfo

    def patch_aiohttp(self, resolver: Any) -> Any:
        """Let aiohttp's resolver on c-ares know the API's names."""
        resolve = resolver.AsyncResolver.resolve

        async def redirected_resolve(
            self_: Any, host: Any, port: Any = 0, *more: Any, **named: Any
        ) -> Any:
            if not self.is_redirected(host):
                return await resolve(self_, host, port, *more, **named)
            address, number = self.target(host, port)
            return [
                {
                    "hostname": host,
                    "host": address,
                    "port": number,
                    "family": 2,
                    "proto": 0,
                    "flags": 4,
                }
            ]

        resolver.AsyncResolver.resolve = redirected_resolve


def _plain(host: Any) -> Any:
    if isinstance(host, (bytes, bytearray)):
        host = host.decode("ascii", "replace")
    return host.lower().rstrip(".") if isinstance(host, str) else ""


def _rejection(host: Any) -> Any:
    return ConnectionRefusedError(
        f"maxapi-mock: {_plain(host)} is not the API; --allow-others lets it pass"
    )
