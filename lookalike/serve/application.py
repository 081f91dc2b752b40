"""What the server answers to which request: the page, photos, corrections, and what the model knows."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lookalike.bundle import answer, bundle
from lookalike.decisions.decide import DecisionError
from lookalike.errors import NotReadyError, UnusablePhoto
from lookalike.files import JsonObject
from lookalike.serve.desk import Desk
from lookalike.serve.openapi import openapi
from lookalike.web import server as web
from lookalike.web.files import PAGE, SERVED

FILES = {"/" if name == "index.html" else f"/{name}": source for name, source in SERVED.items()}
MAX_NAME = 200


def application(desk: Desk, token: str) -> Starlette:
    """The page, POST /api/predict, GET /api/model, /healthz and /openapi.json; for a model of a project also
    POST /api/correct?label=… with the photo and POST /api/undo?correction=…, both only with the token."""
    about = bundle.describe(desk.model.description)
    if desk.corrections:
        about["corrections"] = list(desk.corrections.folders)

    async def predict(request: Request) -> Response:
        try:
            name, photo = await _photo(request)
        except (MultiPartException, ValueError) as error:
            return JSONResponse({"reason": "bad-request", "detail": str(error)}, 400)
        prediction = await desk.ask(name, photo)
        body = {**answer.document(prediction), "model": about["name"]}
        return JSONResponse(body, 422 if prediction.reason else 200)

    async def page(request: Request) -> Response:
        name = FILES[request.url.path]
        content = (PAGE / name).read_bytes()
        if name == "index.html":
            content = content.replace(
                b'name="lookalike-token" content=""', b'name="lookalike-token" content="%s"' % token.encode()
            )
        kind = "text/javascript" if name.endswith(".js") else mimetypes.guess_type(name)[0]
        return Response(content, media_type=kind, headers={"cache-control": "no-cache"})

    def fixed(value: JsonObject) -> Any:
        async def reply(_: Request) -> Response:
            return JSONResponse(value)

        return reply

    return Starlette(
        routes=[
            *(Route(path, page) for path in FILES),
            Route("/api/predict", predict, methods=["POST"]),
            Route("/api/model", fixed(about)),
            Route("/healthz", fixed({"ok": True})),
            Route("/openapi.json", fixed(openapi(about["labels"], corrections=bool(desk.corrections)))),
            *(_corrections(desk, token) if desk.corrections else ()),
        ]
    )


def _corrections(desk: Desk, token: str) -> list[Route]:
    """What changes the project. It needs the token also where answers are for everybody on this computer."""

    async def correct(request: Request) -> Response:
        web.require_token(request.headers, token)
        try:
            _, photo = await _photo(request)
        except (MultiPartException, ValueError) as error:
            return JSONResponse({"reason": "bad-request", "detail": str(error)}, 400)
        return await _done(desk.correct, photo, request.query_params.get("label", ""))

    async def undo(request: Request) -> Response:
        web.require_token(request.headers, token)
        await request.body()
        return await _done(desk.undo, request.query_params.get("correction", ""))

    return [Route("/api/correct", correct, methods=["POST"]), Route("/api/undo", undo, methods=["POST"])]


async def _done(function: Callable[..., JsonObject], *arguments: object) -> Response:
    """What a change answers, or why it was not made."""
    try:
        return JSONResponse(await run_in_threadpool(function, *arguments))
    except UnusablePhoto as fault:
        return JSONResponse({"reason": fault.reason, "detail": fault.detail}, 422)
    except DecisionError as error:
        return JSONResponse({"reason": "refused", "detail": error.message}, 400)
    except NotReadyError as error:
        return JSONResponse({"reason": "busy", "detail": error.message}, 409)
    except OSError as error:
        return JSONResponse({"reason": "not-kept", "detail": error.strerror or str(error)}, 507)


class _InMemory(MultiPartParser):
    """Form parts never go to a temporary file; the whole body is capped before it gets here."""

    spool_max_size = 1 << 40


async def _photo(request: Request) -> tuple[str, bytes]:
    """Name and bytes of the one photo a request carries, as a form or as its whole body. Raises ValueError."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise ValueError("send the photo as it is, without a Content-Encoding")
    if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        form = await _InMemory(request.headers, request.stream(), max_files=1, max_fields=4).parse()
        for part in form.values():
            if not isinstance(part, str):
                return (part.filename or "photo")[:MAX_NAME], await part.read()
        raise ValueError("send one photo, as a form with a file or as the whole body")
    body = await request.body()
    if not body:
        raise ValueError("send one photo, as a form with a file or as the whole body")
    return "photo", body
