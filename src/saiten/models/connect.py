"""Opening connections: addresses, sockets, proxies and TLS."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import sys
from base64 import b64encode
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from saiten.errors import UserError

ADDRESSES_KEPT_SECONDS = 300.0
MOST_PROXY_BYTES = 64 * 1024

_P = TypeVar("_P", bound=asyncio.Protocol)


class Proxy(Struct, frozen=True, kw_only=True):
    """A proxy that the environment names."""

    host: str
    port: int
    login: str | None = None
    """The value of Proxy-Authorization."""


def environment_proxy(url: str) -> Proxy | None:
    """Return the proxy that the environment names for an address, or None. Raises UserError for one of no use."""
    if sys.platform == "linux" and not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    from urllib.request import getproxies, proxy_bypass  # a tenth of the whole start: only for who needs it

    parts = urlsplit(url)
    found = getproxies().get(parts.scheme) or getproxies().get("all")
    if not found or not found.startswith("http") or proxy_bypass(parts.hostname or ""):
        return None
    proxy = urlsplit(found)
    if proxy.scheme != "http" or not proxy.hostname:
        raise UserError(
            f"the environment names a proxy for {parts.scheme}:// that is itself reached by {proxy.scheme}://, "
            "which saiten cannot: name it as http://HOST:PORT"
        )
    login = None
    if proxy.username is not None:
        pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        login = f"Basic {b64encode(pair.encode()).decode()}"
    return Proxy(host=proxy.hostname, port=proxy.port or 80, login=login)


class Connector:
    """Opens connections to one address, through a proxy where there is one."""

    def __init__(self, url: str, proxy: Proxy | None, seconds: float) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._host = parts.hostname
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = ssl_context() if parts.scheme == "https" else None
        self._proxy = proxy
        self._seconds = seconds
        self._addresses: list[Any] = []
        self._looked_up = 0.0
        self._looking = asyncio.Lock()

    async def connect(self, make: Callable[[], _P]) -> _P:
        """Return a connected protocol. Raises OSError (ssl.SSLError, TimeoutError among them)."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._seconds):
                made = await self._socket()
                try:
                    if self._tls is not None and self._proxy is not None:
                        await self._tunnel(made, self._proxy)
                    name = self._host if self._tls is not None else None
                    _, protocol = await loop.create_connection(make, sock=made, ssl=self._tls, server_hostname=name)
                except BaseException:
                    made.close()
                    raise
        except TimeoutError as error:
            if str(error):
                raise
            raise TimeoutError(f"no connection in {self._seconds:g} s") from None
        return protocol

    async def _socket(self) -> socket.socket:
        """Return a socket that is connected to the first address that answers; that one is tried first from then on."""
        addresses = await self._found()
        share = self._seconds / len(addresses)
        failure: OSError | None = None
        for address in list(addresses):
            try:
                async with asyncio.timeout(share):
                    return await _open(address)
            except OSError as error:
                failure = failure or error
                if len(addresses) > 1 and addresses[0] is address:
                    addresses.append(addresses.pop(0))
        self._addresses = []
        assert failure is not None
        raise failure

    async def _found(self) -> list[Any]:
        """Return the addresses of the host, or of the proxy."""
        loop = asyncio.get_running_loop()
        async with self._looking:
            if not self._addresses or loop.time() - self._looked_up > ADDRESSES_KEPT_SECONDS:
                host, port = (self._proxy.host, self._proxy.port) if self._proxy else (self._host, self._port)
                self._addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                self._looked_up = loop.time()
        return self._addresses

    async def _tunnel(self, made: socket.socket, proxy: Proxy) -> None:
        """Have the proxy open a tunnel. It sees where to, and its own login."""
        loop = asyncio.get_running_loop()
        host = f"[{self._host}]" if ":" in self._host else self._host
        login = f"Proxy-Authorization: {proxy.login}\r\n" if proxy.login else ""
        head = f"CONNECT {host}:{self._port} HTTP/1.1\r\nHost: {host}:{self._port}\r\n{login}\r\n"
        await loop.sock_sendall(made, head.encode("latin-1"))
        said = b""
        while b"\r\n\r\n" not in said:
            part = await loop.sock_recv(made, 4096)
            said += part
            if not part or len(said) > MOST_PROXY_BYTES:
                raise ConnectionResetError("the proxy opened no tunnel")
        status = said.split(b"\r\n", 1)[0].decode("latin-1")
        if status.split(" ")[1:2] != ["200"]:
            raise ConnectionRefusedError(f"the proxy opened no tunnel: {status}")


async def _open(address: Any) -> socket.socket:
    """Return a connected socket that notices a dead peer within two minutes."""
    family, kind, protocol, _, where = address
    made = socket.socket(family, kind, protocol)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 5)):
            if (option := getattr(socket, name, None)) is not None:
                made.setsockopt(socket.IPPROTO_TCP, option, value)
        await asyncio.get_running_loop().sock_connect(made, where)
    except BaseException:
        made.close()
        raise
    return made


def ssl_context() -> ssl.SSLContext:
    """Return a context that trusts what the system trusts."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
