"""The review page: a local server over the board. Every decision is in the manifest before it is answered."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from lookalike.clean import ledger
from lookalike.clean.board import Board
from lookalike.clean.survey import survey
from lookalike.decisions import aside
from lookalike.decisions.decide import Wish
from lookalike.errors import NotReadyError, UnusablePhoto
from lookalike.files import write_bytes
from lookalike.photos.decode import Pool
from lookalike.photos.memory import Memory, stamp_of
from lookalike.project.manifest import Manifest
from lookalike.project.paths import Project
from lookalike.report import Block, Reporter
from lookalike.settings.fields import Settings
from lookalike.text import counted
from lookalike.web import server as web

MAX_BODY = 4_000_000
MOST_WISHES = 20_000
_ASSETS = {"app.js": "text/javascript", "style.css": "text/css"}


class Json(Response):
    """JSON in plain ASCII, which holds any file name, even one that is no text."""

    media_type = "application/json"

    def render(self, content: object) -> bytes:
        return json.dumps(content).encode("ascii")


@dataclass(frozen=True)
class Reviewed:
    """The result of a review session: how many decisions stand."""

    kind: ClassVar[str] = "review"
    decisions: int

    def data(self) -> dict[str, object]:
        """The number of decisions taken on the page and not taken back."""
        return {"decisions": self.decisions}

    def show(self) -> list[Block]:
        """That number, and where the decisions are."""
        return [f"{counted(self.decisions, 'decision')} kept in the manifest"]


def serve(project: Project, settings: Settings, *, report: Reporter) -> Reviewed:
    """Look at the set, then serve the page until Ctrl-C. Raises ConfigError when the port cannot be had."""
    wishes = settings.clean
    sock = web.listen(wishes.host, wishes.port, "lookalike clean --review")
    manifest = Manifest(project.images)
    with manifest.lock(), Memory(project.cache) as memory:
        state = aside.reconcile(project, manifest)
        found = survey(project, state, settings, memory, report=report)
        ledger.register(manifest, state, found, aside.new_run())
    board = Board(project, found)
    token = web.new_token()
    with Pool(wishes.jobs) as pool:
        host, port = sock.getsockname()[:2]
        hosts = web.own_hosts(wishes.host, port) | web.own_hosts(host, port)
        app = web.RequestGuard(build(board, pool, token), hosts=hosts, token=token, private=True, max_body=MAX_BODY)
        report.note(f"review page: {web.address(sock)}/?token={token}")
        report.note("press Ctrl-C to end; every decision is kept at once")
        web.run(app, sock)
    return Reviewed(board.photos()["undo"])


def build(board: Board, pool: Pool, token: str) -> Starlette:
    """The application: one page, its data, thumbnails, decisions and undo."""
    page = files("lookalike.clean") / "page"

    def index(request: Request) -> Response:
        text = (page / "index.html").read_text(encoding="utf-8").replace("{{token}}", token)
        return HTMLResponse(text, headers={"cache-control": "no-store"})

    def asset(request: Request) -> Response:
        name = request.url.path.lstrip("/")
        text = (page / name).read_text(encoding="utf-8")
        return Response(text, media_type=_ASSETS[name], headers={"cache-control": "no-cache"})

    def photos(request: Request) -> Response:
        if request.query_params.get("version") == str(board.version):
            return Json({"version": board.version})
        return Json(_locked(board.photos), headers={"cache-control": "no-store"})

    def picture(request: Request) -> Response:
        return _picture(board, pool, request)

    async def decide(request: Request) -> Response:
        wishes = _wishes(await _json(request))
        return Json(await run_in_threadpool(_locked, board.decide, wishes))

    async def undo(request: Request) -> Response:
        await request.body()
        return Json(await run_in_threadpool(_locked, board.undo))

    reading = [Route(f"/{name}", asset) for name in _ASSETS]
    return Starlette(
        routes=[
            Route("/", index),
            *reading,
            Route("/api/photos", photos),
            Route("/api/picture", picture),
            Route("/api/decide", decide, methods=["POST"]),
            Route("/api/undo", undo, methods=["POST"]),
        ]
    )


def _locked(function: Any, *arguments: object) -> object:
    try:
        return function(*arguments)
    except NotReadyError as error:
        raise web.RefusedError(409, error.message) from None


async def _json(request: Request) -> object:
    if request.headers.get("content-type", "").split(";")[0] != "application/json":
        raise web.RefusedError(415, "send JSON")
    try:
        return await request.json()
    except ValueError:
        raise web.RefusedError(400, "this is not JSON") from None


def _wishes(body: object) -> list[tuple[Wish, str]]:
    """The decisions in a request. Raises RefusedError on anything else."""
    items = body.get("wishes") if isinstance(body, dict) else None
    if not isinstance(items, list) or len(items) > MOST_WISHES:
        raise web.RefusedError(400, "a list of wishes is needed")
    return [_wish(item) for item in items]


def _wish(item: object) -> tuple[Wish, str]:
    if not isinstance(item, dict):
        raise web.RefusedError(400, "a wish is an object")
    values = {key: item.get(key, "") for key in ("file", "action", "label", "sha256", "face")}
    if not all(isinstance(value, str) and "\0" not in value for value in values.values()):
        raise web.RefusedError(400, "a wish has file, action, label and sha256, all text")
    return Wish(values["file"], values["action"], values["label"], values["face"]), values["sha256"]


def _picture(board: Board, pool: Pool, request: Request) -> Response:
    """A photo of the set or the quarantine as a JPEG, small or as large as a screen, drawn anew so that nothing of the
    original file is sent."""
    project, name = board.project, request.query_params.get("file", "")
    path = web.safe_path(project.images, name) or web.safe_path(project.quarantine, name) or _linked(board, name)
    if not path:
        raise web.RefusedError(404, "there is no such photo")
    drawing = "closer" if request.query_params.get("size") == "closer" else "thumbnail"
    key = hashlib.sha256(repr((str(path), stamp_of(path))).encode()).hexdigest()
    kept = project.cache / "thumbnails" / f"{key}.jpg"
    if drawing == "closer":  # looked at once or twice: not worth its room on the disk
        data = _draw(pool, path, drawing)
    else:
        data = kept.read_bytes() if kept.is_file() else _draw(pool, path, drawing, kept)
    if not data:
        raise web.RefusedError(404, "this photo cannot be drawn")
    return Response(data, media_type="image/jpeg", headers={"cache-control": "private, max-age=86400"})


def _linked(board: Board, name: str) -> Path | None:
    """A photo of the set that is a link itself or lies behind one: the walk has found it, no visitor has made it up."""
    path = board.project.images / name
    return path if name in board.known and path.is_file() else None


def _draw(pool: Pool, path: Path, drawing: str, kept: Path | None = None) -> bytes:
    answer = pool.call(f"lookalike.photos.measure:{drawing}", path)
    if isinstance(answer, UnusablePhoto):
        return b""
    if kept:
        write_bytes(kept, answer)
    return bytes(answer)
