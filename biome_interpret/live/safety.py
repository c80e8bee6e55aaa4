"""
Stands before the application: refuses what no page of this server sends, and says in each answer
what a browser may do with it.
"""

import asyncio
import hmac
import ipaddress
import json
import re
from typing import Any, Awaitable, Callable, Collection, Dict, List, MutableMapping, Optional, Tuple

from biome_interpret.live.answers.refusals import Refused

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MOST_BYTES = 65_536
# For the body of a request to arrive, in seconds.
_PATIENCE = 10.0

LOOPBACK = ("localhost", "127.0.0.1", "::1")

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_RAW_HEADERS = [(n.lower().encode("ascii"), v.encode("ascii")) for n, v in _HEADERS.items()]

_HOST = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::\d{1,5})?")


class Guard:
    """
    # Parameters

    app : `App`
    hosts : `Collection[str]`
        The names that the server may be called by, in lower case. A page of another site that
        lets its name point to this machine (DNS rebinding) is refused by them.
    any_address : `bool`
        Whether it may be called by any IP address. No name can be rebound to that.
    token : `str`, optional
        What each call of the API must bring.
    """

    def __init__(
        self, app: App, hosts: Collection[str], any_address: bool, token: Optional[str]
    ) -> None:
        self._app = app
        self._hosts = frozenset(hosts)
        self._any_address = any_address
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *_RAW_HEADERS]
            await send(message)

        try:
            self._check(scope)
            body = await _body(scope, receive) if scope["method"] == "POST" else b""
        except Refused as error:
            return await _answer(error, guarded)
        except _Gone:
            return
        await self._app(scope, _with_body(body, receive), guarded)

    def _check(self, scope: Scope) -> None:
        headers = _Headers(scope)
        host = headers.single("host")
        self._check_host(host)
        is_api = scope["path"].startswith("/api/")
        if is_api and self._token is not None and not _has_token(headers, self._token):
            raise Refused(
                401,
                "the token is missing or wrong: send it as `Authorization: Bearer TOKEN`",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if scope["method"] == "POST":
            _check_origin(headers, host)
            _check_content(headers)

    def _check_host(self, host: str) -> None:
        match = _HOST.fullmatch(host)
        name = (match[1] or match[2]).lower() if match else ""
        if name in self._hosts or (self._any_address and _is_address(name)):
            return
        raise Refused(
            400,
            "this server does not answer to the name in the Host header: open the address that it "
            "printed, or start it with --allow-host NAME",
        )


class _Gone(Exception):
    """The client went away."""


class _Headers:
    def __init__(self, scope: Scope) -> None:
        self._pairs: List[Tuple[bytes, bytes]] = [*scope["headers"]]

    def single(self, name: str) -> str:
        """Empty if it is missing."""
        values = [value for key, value in self._pairs if key.lower() == name.encode("ascii")]
        if len(values) > 1:
            raise Refused(400, f"the header {name} is given {len(values)} times")
        return values[0].decode("latin-1") if values else ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _has_token(headers: _Headers, token: str) -> bool:
    scheme, _, given = headers.single("authorization").partition(" ")
    is_same = hmac.compare_digest(given.strip().encode("utf-8"), token.encode("utf-8"))
    return scheme.lower() == "bearer" and is_same


def _check_origin(headers: _Headers, host: str) -> None:
    """A browser sends it with each POST. Other programs need not."""
    origin = headers.single("origin")
    if origin and origin.lower().partition("://")[2] != host.lower():
        raise Refused(
            403,
            "the request comes from a page of another site (its Origin differs from its Host). A "
            "proxy before this server must pass the Host header on",
        )


def _check_content(headers: _Headers) -> None:
    media_type, _, parameters = headers.single("content-type").lower().partition(";")
    charset = parameters.replace(" ", "").replace('"', "")
    if media_type.strip() != "application/json" or charset not in ("", "charset=utf-8"):
        raise Refused(415, "the Content-Type must be application/json, in UTF-8")
    if headers.single("content-encoding").lower() not in ("", "identity"):
        raise Refused(415, "the body must not be compressed")
    length = headers.single("content-length")
    if length.isdecimal() and int(length[:20]) > MOST_BYTES:
        raise _too_large()


def _too_large() -> Refused:
    # The rest of the body is not read.
    return Refused(
        413, f"the body may have {MOST_BYTES:,} bytes at most", headers={"Connection": "close"}
    )


async def _body(scope: Scope, receive: Receive) -> bytes:
    try:
        return await asyncio.wait_for(_read(receive), _PATIENCE)
    except asyncio.TimeoutError:
        raise Refused(
            408, f"the body took more than {_PATIENCE:.0f} s", headers={"Connection": "close"}
        ) from None


async def _read(receive: Receive) -> bytes:
    parts: List[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MOST_BYTES:
            raise _too_large()
        if not message.get("more_body", False):
            return b"".join(parts)


def _with_body(body: bytes, receive: Receive) -> Receive:
    """Gives the body that was read, and then what follows: that the client goes away."""
    messages: List[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def given() -> Message:
        return messages.pop() if messages else await receive()

    return given


async def _answer(error: Refused, send: Send) -> None:
    body = json.dumps(error_json(error)).encode("ascii")
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **error.headers,
    }
    raw = [(name.lower().encode("ascii"), v.encode("ascii")) for name, v in headers.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def error_json(error: Refused) -> Dict[str, str]:
    where = {} if error.where is None else {"where": error.where}
    return {"error": error.message, **where}
