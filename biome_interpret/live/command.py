"""`biome-interpret serve`: loads the archives and starts the server."""

import ipaddress
import os
import re
import socket
import sys
import threading
import webbrowser
from argparse import Namespace
from contextlib import suppress
from copy import copy
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from allennlp.common.checks import ConfigurationError

from biome_interpret.commands import loading
from biome_interpret.commands.description import method_names
from biome_interpret.commands.jobs.messages import say
from biome_interpret.commands.main import import_packages
from biome_interpret.live.answers.archives import Loading, ServedArchive, archive_names
from biome_interpret.live.answers.explaining import Limits
from biome_interpret.live.answers.options import OPTIONS
from biome_interpret.live.answers.service import Service
from biome_interpret.live.app import make_app
from biome_interpret.live.examples import read_examples
from biome_interpret.live.safety import LOOPBACK, App
from biome_interpret.live.worker import Worker

if TYPE_CHECKING:
    import uvicorn

_TOKEN_VARIABLE = "BIOME_INTERPRET_TOKEN"
_SHORTEST_TOKEN = 16
_LARGEST_PORT = 65535
# After Ctrl-C: for answers on their way, and for the model, in seconds.
_GRACE = 3
# Further ones are answered with status 503.
_MOST_CONNECTIONS = 200


def serve(arguments: Namespace) -> int:
    """Serves until Ctrl-C. Raises `ConfigurationError` if something cannot be used."""
    _require()
    import_packages(arguments.include_package)
    token, own_hosts = _token(arguments), _hosts(arguments)
    with listening(arguments.host, arguments.port) as listener:
        service = _service(arguments)
        worker = Worker(arguments.queue)
        is_any = arguments.host in ("0.0.0.0", "::")
        app = make_app(service, worker, {*LOOPBACK, *own_hosts}, is_any, token)
        address = _address(own_hosts[0], listener.getsockname()[1])
        secret = "" if token is None else f"#token={token}"
        print(f"{address}{secret}", flush=True)
        say("Ctrl-C stops the server")
        if not arguments.no_browser:
            # Other users see what the browser is told. A token that is hidden from them is typed.
            told = address if arguments.token is None else address + secret
            threading.Thread(target=webbrowser.open, args=[told], daemon=True).start()
        _run(make_server(app, worker), listener)
        if not worker.close(_GRACE):
            # It is inside PyTorch, and cannot be stopped. Python would wait for it or crash.
            sys.stdout.flush()
            os._exit(0)
    return 0


def _require() -> None:
    for module in ("starlette", "uvicorn"):
        try:
            __import__(module)
        except ImportError as error:
            raise ConfigurationError(
                f"serve needs {module}: pip install 'biome-interpret[serve]'"
            ) from error


def _token(arguments: Namespace) -> Optional[str]:
    token: Optional[str] = arguments.token
    if token is None:
        token = os.environ.get(_TOKEN_VARIABLE) or None
    if token is None:
        if not _is_loopback(arguments.host):
            raise ConfigurationError(
                f"--host {arguments.host} lets other machines use the models: give --token too, or "
                f"leave out --host"
            )
        return None
    if len(token) < _SHORTEST_TOKEN or not re.fullmatch(r"[A-Za-z0-9_-]+", token):
        raise ConfigurationError(
            f"--token must have {_SHORTEST_TOKEN} characters or more, of A-Z, a-z, 0-9, - and _; "
            f"this makes one: python -c 'import secrets; print(secrets.token_urlsafe())'"
        )
    return token


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def listening(host: str, port: int) -> socket.socket:
    """A socket that accepts connections. They wait until the server has started."""
    if port > _LARGEST_PORT:
        raise ConfigurationError(f"--port {port} is too large: it may be {_LARGEST_PORT} at most")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(f"--host {host} cannot be used: {error}") from error
    try:
        if os.name == "posix":
            # A port can be used again right after the server before has stopped.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"--port {port} on {host} cannot be used: {error}. Give another one, or --port 0 for "
            f"any that is free"
        ) from error
    return listener


def _hosts(arguments: Namespace) -> List[str]:
    """The names that the server answers to. The first is that of its address."""
    for name in arguments.allow_host:
        if not re.fullmatch(r"[A-Za-z0-9._-]+|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*", name):
            raise ConfigurationError(
                f"--allow-host {name} is no host name: give the name alone, without http:// and "
                f"without a port"
            )
    given, own = arguments.host, socket.gethostname()
    names = [{"0.0.0.0": own, "::": own}.get(given, given), *arguments.allow_host]
    return [name.lower() for name in names]


def _address(name: str, port: int) -> str:
    return f"http://[{name}]:{port}/" if ":" in name else f"http://{name}:{port}/"


def _service(arguments: Namespace) -> Service:
    names = archive_names(arguments.archive_files)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigurationError(f"ARCHIVE {twice} is given twice: give it once")
    archives = [
        _archive(name, path, arguments) for name, path in zip(names, arguments.archive_files)
    ]
    for archive in archives:
        loading.set_threads(archive.predictor._model, arguments.threads)
    examples = read_examples(arguments, archives)
    for archive in archives:
        if examples:
            archive.add_example(examples[0]["inputs"])
    limits = Limits(arguments.max_tokens, arguments.max_evaluations)
    return Service(archives, _own_interpreters(arguments), limits, examples)


def _archive(name: str, path: str, arguments: Namespace) -> ServedArchive:
    given = copy(arguments)
    given.archive_file = path
    loading.check_is_archive(path)
    predictor = loading.load_predictor(given)
    about = Loading(
        path,
        arguments.predictor,
        loading.predictor_args(arguments),
        arguments.overrides,
        arguments.weights_file,
        arguments.cuda_device,
        arguments.dataset_reader_choice,
        arguments.include_package,
    )
    return ServedArchive(name, about, predictor)


def _own_interpreters(arguments: Namespace) -> Dict[str, Dict[str, Any]]:
    if not arguments.interpreter:
        return {}
    given = Namespace(
        interpreter=arguments.interpreter, output=None, granularity=None, tolerance=None
    )
    # Their names tell them from those that the page offers in any case.
    offered: List[Dict[str, Any]] = [{"type": name} for name in OPTIONS]
    configs = [one for one in loading.interpreter_configs(given) if one not in offered]
    names = method_names([*offered, *configs])[len(offered) :]
    for name, config in zip(names, configs):
        if config.get("target") is not None:
            raise ConfigurationError(
                f"--interpreter {name} has a target, and the page explains the labels that are "
                f"clicked: leave out 'target'"
            )
    return dict(zip(names, configs))


def make_server(app: App, worker: Worker) -> "uvicorn.Server":
    """What is not needed is off: web sockets, the headers of proxies, a log of the requests."""
    import uvicorn

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: Optional[List[socket.socket]] = None) -> None:
            worker.stop()  # Otherwise it would wait for all that wait for the model.
            await super().shutdown(sockets)

    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=_GRACE,
    )
    return Server(config)


def _run(server: "uvicorn.Server", listener: socket.socket) -> None:
    """Until Ctrl-C. `kill` ends the process as usual, once the answers are on their way."""
    # The server raises the signal again. A shell's background process may ignore that.
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listener])
    say("stopped")
