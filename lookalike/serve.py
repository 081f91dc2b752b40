"""A local page and a JSON API over one model. Nothing a visitor sends is written to a file."""

from __future__ import annotations

import asyncio
import ipaddress
import mimetypes
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from starlette.applications import Starlette
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lookalike import __version__
from lookalike.bundle import answer, bundle, locate
from lookalike.errors import UnusablePhoto
from lookalike.files import JsonObject
from lookalike.photos.decode import Pool
from lookalike.project.names import NEITHER
from lookalike.project.paths import Project
from lookalike.project.records import Prediction
from lookalike.report import SILENT, Block, Reporter
from lookalike.settings.fields import Settings
from lookalike.text import counted
from lookalike.web import server as web
from lookalike.web.files import PAGE, SERVED

FILES = {"/" if name == "index.html" else f"/{name}": source for name, source in SERVED.items()}
MAX_NAME = 200


@dataclass(frozen=True)
class Served:
    """What a server did until it was stopped."""

    kind: ClassVar[str] = "serve"
    address: str
    answered: int

    def data(self) -> JsonObject:
        """Where it listened and how many photos it answered for."""
        return {"address": self.address, "answered": self.answered}

    def show(self) -> Iterable[Block]:
        """How many photos it named, once it has stopped."""
        yield f"stopped; {counted(self.answered, 'photo')} named"


def run(project: Project, settings: Settings, *, report: Reporter = SILENT) -> Served:
    """Serve until Ctrl-C. Raises NotReadyError without a model, ConfigError when the port is taken."""
    wanted = settings.serve
    folder = locate.locate(project, wanted.model)
    sock = web.listen(wanted.host, wanted.port)
    address, port = web.address(sock), sock.getsockname()[1]
    private = not is_local(wanted.host)
    token = web.new_token() if private else ""
    with Pool(wanted.jobs) as pool:
        model = bundle.load(folder, threshold=wanted.threshold)
        desk = Desk(model, pool)
        app = web.RequestGuard(
            application(desk, token),
            hosts=web.own_hosts(wanted.host, port, wanted.allow_hosts),
            flag="--allow-hosts",
            token=token,
            private=private,
            max_body=wanted.max_bytes,
        )
        report.note(f"{model.description.name} on {address}/{f'?token={token}' if token else ''}  (Ctrl-C ends it)")
        web.run(app, sock)
    return Served(address, desk.answered)


def is_local(host: str) -> bool:
    """Whether an address to listen on can only be reached from this computer."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Desk:
    """Answers for photos, a few at a time: decoding in limited processes, the network in as many threads."""

    def __init__(self, model: bundle.OnnxModel, pool: Pool) -> None:
        self.model, self.pool = model, pool
        self.threads = ThreadPoolExecutor(pool.jobs + 1, thread_name_prefix="answer")
        self.answered = 0

    async def ask(self, name: str, photo: bytes) -> Prediction:
        """The answer for the bytes of a photo, or the reason there is none."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, partial(self._answer, name, photo))

    def _answer(self, name: str, photo: bytes) -> Prediction:
        pixels = self.pool.call("lookalike.bundle.bundle:read_named", (name, photo, self.model.reader))
        if isinstance(pixels, UnusablePhoto):
            return Prediction(name, reason=pixels.reason, detail=pixels.detail)
        self.answered += 1
        return next(self.model.answers([(name, pixels)]))


def application(desk: Desk, token: str = "") -> Starlette:
    """The page, POST /api/predict, GET /api/model, /healthz and /openapi.json."""
    about = bundle.describe(desk.model.description)

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
            Route("/openapi.json", fixed(openapi(about["labels"]))),
        ]
    )


class _InMemory(MultiPartParser):
    """Form parts never go to a temporary file; the whole body is capped before it gets here."""

    spool_max_size = 1 << 40


async def _photo(request: Request) -> tuple[str, bytes]:
    """Name and bytes of the one photo a request carries, as a form or as its whole body. Raises ValueError."""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        form = await _InMemory(request.headers, request.stream(), max_files=1, max_fields=4).parse()
        for part in form.values():
            if not isinstance(part, str):
                return (part.filename or "photo")[:MAX_NAME], await part.read()
        raise ValueError("send one photo, as a form with a file or as the whole body")
    body = await request.body()
    if not body:
        raise ValueError("send one photo, as a form with a file or as the whole body")
    return "photo", body


def openapi(labels: Iterable[str]) -> dict[str, object]:
    """The description of the API at /openapi.json (OpenAPI 3.1)."""
    said: JsonObject = {
        "type": "object",
        "required": ["file", "label", "probability", "known", "ranked", "probabilities"],
        "properties": {
            "file": {"type": "string"},
            "label": {"enum": [*labels, NEITHER]},
            "probability": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
            "closest": {
                "enum": [*labels],
                "description": "when none fits well enough, with reason and detail",
            },
            "reason": {"enum": [*answer.DOUBTS]},
            "detail": {"type": "string"},
            "similarity": {"type": "number", "description": "to the photos learnt from, -1 to 1; not from every model"},
            "known": {"type": "boolean", "description": "false when the photo shows something else than the labels"},
            "ranked": {"type": "array", "items": {"enum": [*labels]}, "description": "best first"},
            "probabilities": {"type": "object", "additionalProperties": {"type": "number"}},
            "model": {"type": "string"},
        },
    }
    own = ("label", "probability", "similarity", "known", "probabilities")
    box = {"type": "array", "items": {"type": "number"}, "description": "left, top, right, bottom in pixels"}
    face = {"type": "object", "properties": {"box": box, **{name: said["properties"][name] for name in own}}}
    said["properties"]["faces"] = {"type": "array", "items": face, "description": "only from models of people"}
    refusal = {"type": "object", "properties": {"reason": {"type": "string"}, "detail": {"type": "string"}}}
    binary = {"schema": {"type": "string", "format": "binary"}}
    form = {"schema": {"type": "object", "properties": {"photo": binary["schema"]}}}
    predict = {
        "summary": "Say what is on a photo",
        "requestBody": {"required": True, "content": {"multipart/form-data": form, "image/*": binary}},
        "responses": {
            "200": _reply("the answer", said),
            "400": _reply("not one photo", refusal),
            "413": {"description": "too many bytes"},
            "422": _reply("the photo cannot be read", refusal),
        },
    }
    about = {"summary": "What the model knows", "responses": {"200": _reply("the model", {"type": "object"})}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "lookalike", "version": __version__},
        "paths": {"/api/predict": {"post": predict}, "/api/model": {"get": about}},
    }


def _reply(text: str, schema: JsonObject) -> dict[str, object]:
    return {"description": text, "content": {"application/json": {"schema": schema}}}
