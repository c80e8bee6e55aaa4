"""What a hostile page, program or network sends is refused before the application sees it."""

import http.client
import json
import socket
import time
from typing import Any, Dict, Optional

import pytest

from biome_interpret.live import safety
from tests.live.servers import (
    GRADIENT,
    LONGEST,
    Client,
    make_service,
    question,
    request,
    running,
)

TOKEN = "a-token-of-many-characters"


class TestHost:
    @pytest.mark.parametrize(
        "host", ["localhost", "127.0.0.1:8765", "LOCALHOST:1", "[::1]:8765", "[::1]"]
    )
    def test_the_names_of_this_machine_are_served(self, client: Client, host: str) -> None:
        assert client.get("/api/setup", host=host).status == 200

    @pytest.mark.parametrize(
        "host",
        [
            "evil.example",
            "evil.example:8765",
            "localhost.evil.example",
            "evil.example@localhost",
            "localhost:8765@evil.example",
            "127.0.0.2",
            "10.0.0.1",
            "[::2]",
            "::1",
            "localhost:port",
            "localhost/",
            "",
            " ",
        ],
    )
    @pytest.mark.parametrize("path", ["/", "/page.js", "/api/setup"])
    def test_another_name_is_refused(self, client: Client, host: str, path: str) -> None:
        answered = client.get(path, host=host)
        assert answered.status == 400
        assert "--allow-host" in answered.error

    def test_no_name_is_refused(self, client: Client) -> None:
        assert client.get("/", host=None).status == 400

    def test_any_address_is_served_if_the_server_listens_everywhere(self) -> None:
        with running(make_service(), token=TOKEN, any_address=True) as server:
            assert server.client.get("/", host="192.168.1.7:8765").status == 200
            assert server.client.get("/", host="evil.example").status == 400


class TestOrigin:
    def test_the_page_of_this_server_may_ask(self, client: Client) -> None:
        own = f"http://127.0.0.1:{client.port}"
        assert client.post("/api/explain", request(), origin=own).status == 200
        # Behind a proxy with TLS.
        host = "localhost"
        assert (
            client.post("/api/explain", request(), origin="https://localhost", host=host).status
            == 200
        )

    @pytest.mark.parametrize(
        "origin",
        [
            "http://evil.example",
            "http://127.0.0.1",
            "http://127.0.0.1:1",
            "http://127.0.0.1:{port}.evil.example",
            "http://localhost:{port}",
            "null",
            "file://",
            "chrome-extension://abc",
        ],
    )
    @pytest.mark.parametrize("path", ["explain", "report", "figure", "snippets"])
    def test_another_one_may_not(self, client: Client, origin: str, path: str) -> None:
        answered = client.post(f"/api/{path}", request(), origin=origin.format(port=client.port))
        assert answered.status == 403
        assert "Origin" in answered.error

    def test_another_one_may_not_read(self, client: Client) -> None:
        for method, body in (("GET", None), ("POST", request()), ("OPTIONS", None)):
            headers: Dict[str, Optional[str]] = {
                "Origin": "http://evil.example",
                "Access-Control-Request-Method": "POST",
            }
            path = "/api/setup" if method == "GET" else "/api/explain"
            answered = client(method, path, body, headers)
            assert not [name for name in answered.headers if name.startswith("access-control")]


class TestHeaders:
    @pytest.mark.parametrize(
        "method, path, body",
        [
            ("GET", "/", None),
            ("GET", "/page.js", None),
            ("GET", "/page.css", None),
            ("GET", "/api/setup", None),
            ("GET", "/api/examples", None),
            ("GET", "/nothing", None),
            ("DELETE", "/api/setup", None),
            ("POST", "/api/explain", request()),
            ("POST", "/api/explain", b"{"),
            ("POST", "/api/report", {"requests": [request(question())]}),
        ],
    )
    def test_every_answer_forbids_what_the_page_does_not_need(
        self, client: Client, method: str, path: str, body: Any
    ) -> None:
        answered = client(method, path, body)
        policy = dict(
            part.strip().split(" ", 1)
            for part in answered.headers["content-security-policy"].split(";")
        )
        assert policy == {
            "default-src": "'none'",
            "script-src": "'self'",
            "style-src": "'self'",
            "connect-src": "'self'",
            "img-src": "'self' data: blob:",
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": "'none'",
        }
        assert answered.headers["x-content-type-options"] == "nosniff"
        assert answered.headers["referrer-policy"] == "no-referrer"
        assert answered.headers["cache-control"] == "no-store"
        assert answered.headers["cross-origin-resource-policy"] == "same-origin"
        assert "server" not in answered.headers

    def test_the_page_has_no_inline_script_and_no_inline_style(self, client: Client) -> None:
        page = client.get("/").content.decode()
        assert "style=" not in page and "<style" not in page
        assert all(" src=" in tag for tag in page.split("<script")[1:])
        assert " on" not in "".join(part.split(">")[0] for part in page.split("<")[1:])


class TestPaths:
    @pytest.mark.parametrize(
        "path",
        [
            "/setup.cfg",
            "/../setup.cfg",
            "/%2e%2e/setup.cfg",
            "/page.html",
            "/report.css",
            "/templates/page.js",
            "//etc/passwd",
            "/api",
            "/api/",
            "/api/explain/",
            "/docs",
            "/openapi.json",
        ],
    )
    def test_no_file_is_served(self, client: Client, path: str) -> None:
        answered = client.get(path)
        assert answered.status == 404
        assert answered.error == "there is no such address"

    def test_another_method_is_refused(self, client: Client) -> None:
        assert client.get("/api/explain").status == 405
        assert client.post("/api/setup", {}).status == 405
        assert client("PUT", "/").status == 405


class TestBodies:
    @pytest.mark.parametrize(
        "content_type",
        [
            None,
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/jsonp",
            "application/json; charset=utf-16",
            "text/plain; application/json",
        ],
    )
    def test_another_type_is_refused(self, client: Client, content_type: Optional[str]) -> None:
        answered = client.post("/api/explain", request(), content_type=content_type)
        assert answered.status == 415
        assert "application/json" in answered.error

    def test_a_character_set_may_be_named(self, client: Client) -> None:
        for kind in ("application/json; charset=UTF-8", 'Application/JSON;charset="utf-8"'):
            assert client.post("/api/explain", request(), content_type=kind).status == 200

    def test_a_compressed_one_is_refused(self, client: Client) -> None:
        assert client.post("/api/explain", request(), content_encoding="gzip").status == 415

    def test_the_largest_one(self, client: Client) -> None:
        body = json.dumps({"inputs": {"sentence": "a", "more": ""}, "explanations": []})
        filled = body.replace('""', '"' + "a" * (safety.MOST_BYTES - len(body)) + '"').encode()
        assert len(filled) == safety.MOST_BYTES
        assert client.post("/api/explain", filled).status == 200
        answered = client.post("/api/explain", filled + b" ")
        assert answered.status == 413
        assert "65,536 bytes" in answered.error

    def test_a_large_one_is_refused_before_it_arrives(self, client: Client) -> None:
        answered = client("POST", "/api/explain", b"{", {"Content-Length": str(10**12)})
        assert answered.status == 413
        assert answered.headers["connection"] == "close"

    def test_a_large_one_of_unknown_length_is_refused(self, client: Client) -> None:
        with socket.create_connection(("127.0.0.1", client.port), LONGEST) as stream:
            stream.sendall(
                b"POST /api/explain HTTP/1.1\r\nHost: localhost\r\n"
                b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
            sent = 0
            try:
                while sent < 64:
                    stream.sendall(chunk)
                    sent += 1
            except OSError:
                pass
            assert stream.recv(100).startswith(b"HTTP/1.1 413 ")

    def test_a_slow_one_is_not_waited_for(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(safety, "_PATIENCE", 0.2)
        with socket.create_connection(("127.0.0.1", client.port), LONGEST) as stream:
            stream.sendall(
                b"POST /api/explain HTTP/1.1\r\nHost: localhost\r\n"
                b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
            )
            assert stream.recv(100).startswith(b"HTTP/1.1 408 ")

    def test_what_follows_a_refused_one_is_not_taken_for_a_request(self, client: Client) -> None:
        hidden = b"GET /api/setup HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for type_, status in ((b"text/plain", 415), (b"application/json", 400)):
            with socket.create_connection(("127.0.0.1", client.port), LONGEST) as stream:
                stream.sendall(
                    b"POST /api/explain HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                    + b"Content-Type: "
                    + type_
                    + b"\r\n"
                    + f"Content-Length: {len(hidden)}\r\n\r\n".encode()
                    + hidden
                )
                answered = _read_all(stream)
                assert answered.count(b"HTTP/1.1 ") == 1
                assert answered.startswith(f"HTTP/1.1 {status} ".encode())

    def test_a_header_that_is_given_twice_is_refused(self, client: Client) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=LONGEST)
        connection.putrequest("POST", "/api/explain")
        for value in ("application/json", "text/plain"):
            connection.putheader("Content-Type", value)
        connection.putheader("Content-Length", "2")
        connection.endheaders(b"{}")
        assert connection.getresponse().status == 400
        connection.close()


class TestToken:
    def test_the_api_needs_it_and_the_page_does_not(self) -> None:
        with running(make_service(), token=TOKEN) as server:
            client = server.client
            for path in ("/", "/page.js", "/page.css"):
                answered = client.get(path)
                assert answered.status == 200
                assert TOKEN.encode() not in answered.content
            for given in (
                None,
                "",
                TOKEN,
                f"Basic {TOKEN}",
                "Bearer",
                f"Bearer {TOKEN}x",
                f"Bearer {TOKEN[:-1]}",
                f"Bearer {TOKEN.upper()}",
                "Bearer \xff\xfe",
            ):
                for answered in (
                    client.get("/api/setup", authorization=given),
                    client.get("/api/nothing", authorization=given),
                    client.post("/api/explain", request(), authorization=given),
                ):
                    assert answered.status == 401
                    assert answered.headers["www-authenticate"] == "Bearer"
            for given in (f"Bearer {TOKEN}", f"bearer  {TOKEN}"):
                assert client.get("/api/setup", authorization=given).status == 200
                body = request(question(GRADIENT))
                assert client.post("/api/explain", body, authorization=given).status == 200

    @pytest.mark.parametrize(
        "path", ["/api/setup?token={token}", "/%61pi/setup", "/api%2Fsetup", "/API/setup"]
    )
    def test_no_other_address_leads_around_it(self, path: str) -> None:
        with running(make_service(), token=TOKEN) as server:
            assert server.client.get(path.format(token=TOKEN)).status in (401, 404)


def _read_all(stream: socket.socket) -> bytes:
    parts = []
    end = time.monotonic() + LONGEST
    while time.monotonic() < end:
        part = stream.recv(65536)
        if not part:
            break
        parts.append(part)
    return b"".join(parts)
