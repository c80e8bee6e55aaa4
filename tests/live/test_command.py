"""`biome-interpret serve`, as a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional
from unittest import mock
from urllib.parse import urlsplit

import pytest

from biome_interpret.live import command
from tests.commands.command_line import CommandLine, write_lines
from tests.live.servers import (
    ARCHIVE,
    LONGEST,
    NAME,
    ROOT,
    SHAP,
    Client,
    question,
    request,
    wait_until,
)

TOKEN = "a-token-of-many-characters"


@pytest.fixture
def run(capfd: pytest.CaptureFixture) -> CommandLine:
    return CommandLine(capfd)


class Serving(NamedTuple):
    address: str
    process: "subprocess.Popen[str]"

    @property
    def client(self) -> Client:
        return Client(urlsplit(self.address).port or 0)


@contextmanager
def serving(*given: str, environment: Optional[Dict[str, str]] = None) -> Iterator[Serving]:
    process = subprocess.Popen(
        [sys.executable, "-m", "biome_interpret", "serve", str(ARCHIVE), "--port", "0", *given],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None and process.stderr is not None
        address = process.stdout.readline().strip()
        assert address, process.stderr.read()
        yield Serving(address, process)
    finally:
        process.kill()
        process.communicate()


def test_it_serves_until_ctrl_c(tmp_path: Path) -> None:
    lines: List[Any] = [{"sentence": "Dull.", "label": "negative"}]
    lines += [{"sentence": "Fine.", "label": {"a": 1}}, {"a": 1}]
    lines += ["{", {"sentence": " "}, {"sentence": "long " * 6000}]
    examples = write_lines(tmp_path / "examples.jsonl", lines)
    own = json.dumps({"type": SHAP, "seed": 7})
    given = ["--no-browser", "--examples", str(examples), "--interpreter", own]
    with serving(*given) as server:
        assert server.address.startswith("http://127.0.0.1:")
        setup = server.client.get("/api/setup").json
        assert [one["name"] for one in setup["archives"]] == [NAME]
        assert setup["archives"][0]["labels"] == ["negative", "positive"]
        assert setup["interpreters"][-1]["title"] == f"{SHAP} (seed: 7)"
        found = server.client.get("/api/examples").json["examples"]
        assert found == [
            {"inputs": {"sentence": "Dull."}, "gold": "negative"},
            {"inputs": {"sentence": "Fine."}},
        ]
        answered = server.client.post("/api/explain", request(question()))
        assert answered.status == 200
        server.process.send_signal(signal.SIGINT)
        out, err = server.process.communicate(timeout=LONGEST)
        assert server.process.returncode == 0
        assert out == ""
        assert (
            f"4 of the 6 texts of --examples {examples} cannot be chosen. The first: line 3: "
            f"KeyError: 'sentence' (the predictor needs this key; the text has 'a')"
        ) in err
        assert err.splitlines()[-1] == "stopped"
        assert "Traceback" not in err


def test_kill_ends_it() -> None:
    with serving("--no-browser") as server:
        server.process.send_signal(signal.SIGTERM)
        server.process.communicate(timeout=LONGEST)
        assert server.process.returncode == -signal.SIGTERM


def test_ctrl_c_ends_it_while_it_answers_and_others_wait() -> None:
    with serving("--no-browser", "--max-evaluations", "20000") as server:
        text = {"sentence": "a good and a bad film " * 80}
        hard = question(options={"n_steps": 512, "quadrature": "riemann-middle"})
        body = json.dumps(request(*[hard] * 12, inputs=text)).encode()
        port = server.client.port
        asking = [socket.create_connection(("127.0.0.1", port), LONGEST) for _ in range(3)]
        for one in asking:
            one.sendall(
                b"POST /api/explain HTTP/1.1\r\nHost: localhost\r\n"
                b"Content-Type: application/json\r\n"
                + f"Content-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
        # When these are answered, the server has read the others.
        for _ in range(2):
            assert server.client.get("/api/setup").status == 200
        server.process.send_signal(signal.SIGINT)
        _, err = server.process.communicate(timeout=LONGEST)
        assert server.process.returncode == 0
        assert "Traceback" not in err
        for one in asking:
            assert one.recv(100).startswith(b"HTTP/1.1 503 ")
            one.close()


@pytest.mark.parametrize("is_hidden", [True, False])
def test_it_opens_the_browser(tmp_path: Path, is_hidden: bool) -> None:
    """Other users of the machine see what it is told."""
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}.part; mv {opened}.part {opened}\n')
    browser.chmod(0o755)
    environment = {"BROWSER": f"{browser} %s"}
    given = ["--token", TOKEN]
    if is_hidden:
        environment, given = {**environment, "BIOME_INTERPRET_TOKEN": TOKEN}, []
    with serving(*given, environment=environment) as server:
        wait_until(opened.exists)
        address, _, fragment = server.address.partition("#")
        assert opened.read_text() == (address if is_hidden else server.address)
        assert fragment == f"token={TOKEN}"
        assert server.client.get("/api/setup").status == 401
        assert server.client.get("/api/setup", authorization=f"Bearer {TOKEN}").status == 200


def test_other_machines_are_served_with_a_token_only(run: CommandLine) -> None:
    for host in ("0.0.0.0", "::", "192.168.0.1", "example.org"):
        done = run("serve", ARCHIVE, "--host", host, "--no-browser")
        assert done.status == 2
        assert f"--host {host} lets other machines use the models: give --token" in done.err
    given = ["--no-browser", "--host", "0.0.0.0", "--token", TOKEN, "--allow-host", "Team.example"]
    with serving(*given) as server:
        client = server.client
        token = f"Bearer {TOKEN}"
        assert client.get("/api/setup").status == 401
        printed = server.address.split("/")[2]
        assert printed.startswith(socket.gethostname().lower())
        hosts = {printed: 200, "team.example": 200, "10.1.2.3:80": 200, "other.example": 400}
        for host, status in hosts.items():
            assert client.get("/api/setup", authorization=token, host=host).status == status


@pytest.mark.parametrize(
    "given, message",
    [
        (["--token", "short"], "--token must have 16 characters or more"),
        (["--token", "a-token-of-many&characters"], "of A-Z, a-z, 0-9, - and _"),
        (["--token", "with spaces and more"], "--token must have 16 characters or more"),
        (["--host", "no such host"], "--host no such host cannot be used"),
        (["--port", "70000"], "--port 70000 is too large: it may be 65535 at most"),
        (["--port", "-1"], "non-negative integer"),
        (["--examples", "nothing.jsonl"], "--examples nothing.jsonl cannot be read"),
        (["--examples", "{prose}"], "prose.jsonl is not JSONL"),
        (["--examples", "{broken}"], "has no text to choose from: line 2"),
        (
            ["--examples", "{blank}"],
            "has no text to choose from: line 1: ValueError: 'sentence' is",
        ),
        (["--examples", "{table}"], "choose from: the predictor needs 'sentence': name what holds"),
        (
            ["--examples", "{table}", "--field", "sentence=review", "--gold-field", "zz"],
            "--gold-field zz: no text has this key; the keys are 'sentence', 'label'",
        ),
        (["--gold-field", "label"], "--gold-field is for --examples: give --examples FILE too"),
        (["--interpreter", "nothing"], "'nothing' is neither a file nor one of the registered"),
        (
            ["--interpreter", "{target}"],
            "target, and the page explains the labels that are clicked",
        ),
        (["--predictor", "nothing"], "nothing"),
        (["--predictor-args", "["], "--predictor-args must be a JSON object"),
        (["--include-package", "nothing_here"], "--include-package 'nothing_here'"),
        (["--cuda-device", "77"], "--cuda-device is 77"),
        ([str(ARCHIVE)], "is given twice"),
        (["setup.cfg"], "ARCHIVE setup.cfg is not a model"),
        (["nothing.tar.gz"], "the archive nothing.tar.gz cannot be loaded"),
    ],
)
def test_what_cannot_be_used_is_named(
    run: CommandLine, tmp_path: Path, given: List[str], message: str
) -> None:
    files = {
        "{prose}": write_lines(tmp_path / "prose.jsonl", ["A film.", "Another."]),
        "{blank}": write_lines(tmp_path / "blank.jsonl", [{"sentence": ""}]),
        "{table}": write_lines(tmp_path / "table.csv", ["review,label", "A film.,positive"]),
        "{target}": json.dumps({"type": SHAP, "target": "negative"}),
        "{broken}": write_lines(tmp_path / "broken.tsv", ["sentence\tyear", "A film."]),
    }
    filled = [str(files.get(one, one)) for one in given]
    if "--host" in given:  # One that other machines reach needs a token first.
        filled += ["--token", TOKEN]
    port = [] if "--port" in given else ["--port", "0"]
    done = run("serve", ARCHIVE, *filled, "--no-browser", *port)
    assert done.status == 2
    assert message in done.err
    assert "INPUT" not in done.err and "Traceback" not in done.err


def test_a_port_that_is_taken(run: CommandLine) -> None:
    with command.listening("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        done = run("serve", ARCHIVE, "--no-browser", "--port", str(port))
        assert done.status == 2
        assert f"--port {port} on 127.0.0.1 cannot be used" in done.err
        assert "--port 0" in done.err


@pytest.mark.parametrize("module", ["starlette", "uvicorn"])
def test_without_the_extra_it_says_what_to_install(run: CommandLine, module: str) -> None:
    missing: Any = {module: None}
    with mock.patch.dict(sys.modules, missing):
        done = run("serve", ARCHIVE)
    assert done.status == 2
    assert f"serve needs {module}: pip install 'biome-interpret[serve]'" in done.err
