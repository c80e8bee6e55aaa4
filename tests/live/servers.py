"""A server in this process, and a client that sends it anything."""

import http.client
import json
import threading
import time
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

from allennlp.predictors import Predictor

from biome_interpret.live.answers.archives import Loading, ServedArchive
from biome_interpret.live.answers.explaining import Limits
from biome_interpret.live.answers.service import Service
from biome_interpret.live.app import make_app
from biome_interpret.live.command import listening, make_server
from biome_interpret.live.safety import LOOPBACK
from biome_interpret.live.worker import Worker

ROOT = Path(__file__).parents[2]
ARCHIVE = ROOT / "fixtures" / "sst2_bilstm" / "model.tar.gz"
NAME = "sst2_bilstm/model.tar.gz"
GRADIENT, SHAP = "biome-integrated-gradient", "biome-gradient-shap"
# Seconds. A busy machine may be many times slower than a quiet one.
LONGEST = 600.0
INPUTS = {"sentence": "A warm, funny film."}


class Answered(NamedTuple):
    status: int
    headers: Dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def error(self) -> str:
        return str(self.json["error"])


class Client:
    def __init__(self, port: int) -> None:
        self.port = port

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Optional[Dict[str, Optional[str]]] = None,
    ) -> Answered:
        """A body that is not of bytes is sent as JSON. A header that is `None` is left out."""
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        given: Dict[str, Optional[str]] = {"host": f"127.0.0.1:{self.port}"}
        if raw is not None:
            given.update({"content-type": "application/json", "content-length": str(len(raw))})
        given.update({name.lower(): value for name, value in (headers or {}).items()})
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONGEST)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in given.items():
                if value is not None:
                    connection.putheader(name, value)
            connection.endheaders()
            if raw is not None:
                connection.send(raw)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answered(response.status, found, response.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: Optional[str]) -> Answered:
        return self("GET", path, headers=_named(headers))

    def post(self, path: str, body: Any, **headers: Optional[str]) -> Answered:
        return self("POST", path, body, _named(headers))


def _named(headers: Dict[str, Optional[str]]) -> Dict[str, Optional[str]]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


class Running(NamedTuple):
    client: Client
    service: Service
    worker: Worker


@lru_cache(maxsize=None)
def shipped_predictor() -> Predictor:
    return Predictor.from_path(str(ARCHIVE))


def served(with_predictor: Optional[Predictor] = None, **loading: Any) -> ServedArchive:
    found = Loading(str(ARCHIVE), **loading)
    return ServedArchive(NAME, found, with_predictor or shipped_predictor())


def make_service(
    predictor: Optional[Predictor] = None,
    own: Optional[Dict[str, Dict[str, Any]]] = None,
    examples: Optional[List[Dict[str, Any]]] = None,
    **limits: int,
) -> Service:
    return Service([served(predictor)], own or {}, Limits(**limits), examples or [])


@contextmanager
def running(
    service: Service, most_waiting: int = 64, token: Optional[str] = None, any_address: bool = False
) -> Iterator[Running]:
    worker = Worker(most_waiting)
    with listening("127.0.0.1", 0) as listener:
        app = make_app(service, worker, LOOPBACK, any_address, token)
        server = make_server(app, worker)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield Running(Client(listener.getsockname()[1]), service, worker)
        finally:
            server.should_exit = True
            thread.join(LONGEST)
            assert not thread.is_alive()
            assert worker.close(LONGEST)


def question(interpreter: str = GRADIENT, **rest: Any) -> Dict[str, Any]:
    return {"interpreter": interpreter, **rest}


def request(*questions: Dict[str, Any], inputs: Any = None) -> Dict[str, Any]:
    return {"inputs": INPUTS if inputs is None else inputs, "explanations": list(questions)}


def wait_until(condition: Any, seconds: float = LONGEST) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
