"""The application: its addresses, and what each does. It needs Starlette (the extra `serve`)."""

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Collection, Dict, List, Optional

from biome_interpret.errors import reason_of
from biome_interpret.live.answers.explaining import Cancelled
from biome_interpret.live.answers.refusals import Refused
from biome_interpret.live.answers.requests import read_json, thing_in
from biome_interpret.live.answers.service import IsCancelled, Service
from biome_interpret.live.page import PageFile, page_files
from biome_interpret.live.safety import App, Guard, error_json
from biome_interpret.live.worker import Worker

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

logger = logging.getLogger(__name__)

_JSON = "application/json"
# Nobody reads the answer to a client that went away.
_CLIENT_GONE = 499


def make_app(
    service: Service,
    worker: Worker,
    hosts: Collection[str],
    any_address: bool = False,
    token: Optional[str] = None,
) -> App:
    """
    # Parameters

    service : `Service`
    worker : `Worker`
        Runs the model.
    hosts, any_address, token
        As in `Guard`.
    """
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.responses import Response

    async def not_found(request: "Request", error: Exception) -> "Response":
        assert isinstance(error, HTTPException)
        message = "there is no such address" if error.status_code == 404 else error.detail
        body = _dump({"error": message})
        return Response(body, error.status_code, dict(error.headers or {}), _JSON)

    routes = [*_page_routes(page_files()), *_api_routes(service, worker)]
    app = Starlette(routes=routes, exception_handlers={HTTPException: not_found})
    app.router.redirect_slashes = False
    return Guard(app, hosts, any_address, token)


def _page_routes(files: Dict[str, PageFile]) -> "List[Route]":
    from starlette.responses import Response
    from starlette.routing import Route

    def route(address: str, file: PageFile) -> Route:
        async def page(request: "Request") -> Response:
            return Response(file.content, media_type=file.media_type)

        return Route(address, page, methods=["GET"])

    return [route(address, file) for address, file in files.items()]


def _api_routes(service: Service, worker: Worker) -> "List[Route]":
    from starlette.responses import Response
    from starlette.routing import Route

    setup = _dump(service.setup())
    examples = _dump({"examples": service.examples})

    async def get_setup(request: "Request") -> Response:
        return Response(setup, media_type=_JSON)

    async def get_examples(request: "Request") -> Response:
        return Response(examples, media_type=_JSON)

    async def explain(request: "Request") -> Response:
        asked = service.menu.request(read_json(await request.body()))
        found = await _run(
            worker, request, lambda is_cancelled: _dump(service.explain(asked, is_cancelled))
        )
        return Response(found, media_type=_JSON)

    async def report(request: "Request") -> Response:
        asked = service.menu.several(read_json(await request.body()))
        found = await _run(
            worker, request, lambda is_cancelled: service.report(asked, is_cancelled)
        )
        return _attachment(found, "text/html", "interpretations.html")

    async def figure(request: "Request") -> Response:
        body = read_json(await request.body())
        asked, thing = service.menu.single(body), thing_in(body)
        found = await _run(
            worker, request, lambda is_cancelled: service.figure(asked, thing, is_cancelled)
        )
        return _attachment(found, "image/svg+xml", "interpretation.svg")

    async def snippets(request: "Request") -> Response:
        asked = service.menu.single(read_json(await request.body()))
        return Response(_dump(service.snippets(asked)), media_type=_JSON)

    posts = {"explain": explain, "report": report, "figure": figure, "snippets": snippets}
    return [
        Route("/api/setup", get_setup, methods=["GET"]),
        Route("/api/examples", get_examples, methods=["GET"]),
        *(Route(f"/api/{name}", _answered(do), methods=["POST"]) for name, do in posts.items()),
    ]


def _attachment(content: bytes, media_type: str, name: str) -> "Response":
    """A browser saves it, and does not show it as a page of this server."""
    from starlette.responses import Response

    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, headers=headers, media_type=media_type)


def _answered(
    endpoint: "Callable[[Request], Awaitable[Response]]",
) -> "Callable[[Request], Awaitable[Response]]":
    """What is refused, and what fails, becomes an answer too."""
    from starlette.responses import Response

    async def answered(request: "Request") -> Response:
        try:
            return await endpoint(request)
        except Refused as error:
            refused = error
        except Cancelled:
            return Response(status_code=_CLIENT_GONE)
        except Exception as error:
            logger.debug("a request failed", exc_info=True)
            refused = Refused(500, f"this request failed: {reason_of(error)}")
        return Response(_dump(error_json(refused)), refused.status, refused.headers, _JSON)

    return answered


async def _run(worker: Worker, request: "Request", run: Callable[[IsCancelled], bytes]) -> bytes:
    """By the worker. Raises `Cancelled` if the client goes away meanwhile."""
    job = worker.submit(run)
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({job.result, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not job.result.done():
            raise Cancelled
        found: bytes = job.result.result()
        return found
    finally:
        gone.cancel()
        worker.cancel(job)


async def _disconnected(request: "Request") -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _dump(value: Any) -> bytes:
    return json.dumps(value, allow_nan=False).encode("ascii")
