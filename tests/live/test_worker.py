"""One thread for the model: the queue before it, and clients that go away."""

import http.client
import json
import threading
from typing import Any, Iterator, List

import pytest
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter

from biome_interpret import IntegratedGradient
from tests.live.servers import (
    GRADIENT,
    LONGEST,
    Client,
    Running,
    make_service,
    question,
    request,
    running,
    wait_until,
)


class Gate:
    """What the interpreter `waiting` waits for."""

    started = threading.Semaphore(0)
    opened = threading.Semaphore(0)
    asked: List[str] = []


class Waiting(IntegratedGradient):
    def interpret_json(self, inputs: Any, target: Any = None) -> Any:
        Gate.asked.append(inputs["sentence"])
        Gate.started.release()
        assert Gate.opened.acquire(timeout=LONGEST)
        return super().interpret_json(inputs, target)


class Exiting(IntegratedGradient):
    def interpret_json(self, inputs: Any, target: Any = None) -> Any:
        raise SystemExit("it ends the process")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    registry: Any = SaliencyInterpreter._registry
    monkeypatch.setitem(registry, SaliencyInterpreter, dict(registry[SaliencyInterpreter]))
    SaliencyInterpreter.register("waiting")(Waiting)
    SaliencyInterpreter.register("exiting")(Exiting)
    Gate.started, Gate.opened = threading.Semaphore(0), threading.Semaphore(0)
    Gate.asked = []
    own = {"waiting": {"type": "waiting"}, "exiting": {"type": "exiting"}}
    with running(make_service(own=own), most_waiting=2) as server:
        yield server
        for _ in range(20):
            Gate.opened.release()


def body(text: str, *names: str) -> Any:
    questions = [question(name) for name in names or ("waiting",)]
    return request(*questions, inputs={"sentence": text})


class Asking:
    """A request in a thread of its own."""

    def __init__(self, client: Client, given: Any) -> None:
        self.answered: Any = None
        self._thread = threading.Thread(target=self._ask, args=(client, given))
        self._thread.start()

    def _ask(self, client: Client, given: Any) -> None:
        self.answered = client.post("/api/explain", given)

    def result(self) -> Any:
        self._thread.join(LONGEST)
        return self.answered


def open_connection(client: Client, given: Any) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=LONGEST)
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/api/explain", json.dumps(given), headers)
    return connection


def num_waiting(server: Running) -> int:
    return len(server.worker._waiting)


class TestQueue:
    def test_a_full_one_is_answered_with_503(self, server: Running) -> None:
        client = server.client
        asking = [Asking(client, body("one"))]
        assert Gate.started.acquire(timeout=LONGEST)
        for text in ("two", "three"):
            asking.append(Asking(client, body(text)))
            wait_until(lambda: num_waiting(server) == len(asking) - 1)
        answered = client.post("/api/explain", body("four"))
        assert answered.status == 503
        assert 1 <= int(answered.headers["retry-after"]) <= 60
        assert "2 requests are waiting" in answered.error
        # What does not need the model is answered.
        assert client.get("/api/setup").status == 200
        assert client.post("/api/snippets", request(question())).status == 200
        for _ in asking:
            Gate.opened.release()
        assert [one.result().status for one in asking] == [200, 200, 200]
        assert Gate.asked == ["one", "two", "three"]
        Gate.opened.release()
        assert client.post("/api/explain", body("four")).status == 200


class TestClientThatGoesAway:
    def test_a_waiting_request_is_dropped(self, server: Running) -> None:
        client = server.client
        first = Asking(client, body("one"))
        assert Gate.started.acquire(timeout=LONGEST)
        gone = open_connection(client, body("gone"))
        wait_until(lambda: num_waiting(server) == 1)
        last = Asking(client, body("two"))
        wait_until(lambda: num_waiting(server) == 2)
        gone.close()
        wait_until(lambda: num_waiting(server) == 1)
        for _ in range(2):
            Gate.opened.release()
        assert (first.result().status, last.result().status) == (200, 200)
        assert Gate.asked == ["one", "two"]

    def test_a_running_one_stops_before_its_next_explanation(self, server: Running) -> None:
        gone = open_connection(server.client, body("gone", "waiting", "waiting", "waiting"))
        assert Gate.started.acquire(timeout=LONGEST)
        running_job = server.worker._running
        assert running_job is not None
        gone.close()
        wait_until(running_job.is_cancelled)
        Gate.opened.release()
        Gate.opened.release()
        assert server.client.post("/api/explain", body("next")).status == 200
        assert Gate.asked == ["gone", "next"]

    def test_many_that_ask_and_leave_do_not_fill_the_queue(self, server: Running) -> None:
        first = Asking(server.client, body("one"))
        assert Gate.started.acquire(timeout=LONGEST)
        for _ in range(20):
            gone = open_connection(server.client, body("gone"))
            wait_until(lambda: num_waiting(server) == 1)
            gone.close()
            wait_until(lambda: num_waiting(server) == 0)
        Gate.opened.release()
        assert first.result().status == 200
        assert Gate.asked == ["one"]


class TestFailures:
    def test_one_that_would_end_the_process_does_not(self, server: Running) -> None:
        answered = server.client.post("/api/explain", body("one", "exiting"))
        assert answered.status == 500
        assert "it ends the process" in answered.error
        assert server.client.post("/api/explain", body("two", GRADIENT)).status == 200

    def test_a_server_that_stops_answers_what_waits(self, server: Running) -> None:
        asking = [Asking(server.client, body("one"))]
        assert Gate.started.acquire(timeout=LONGEST)
        asking.append(Asking(server.client, body("two")))
        wait_until(lambda: num_waiting(server) == 1)
        assert not server.worker.close(0.05)
        for one in asking:
            assert one.result().status == 503
            assert one.result().error == "the server was stopped: start it again"
        assert server.client.post("/api/explain", body("three")).status == 503
        Gate.opened.release()
        assert server.worker.close(LONGEST)
        assert Gate.asked == ["one"]
