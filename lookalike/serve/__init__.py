"""A local page and a JSON API over one model. Of what a visitor sends only corrections are kept."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from lookalike.bundle import bundle, locate
from lookalike.decisions.corrections import Corrections, advice
from lookalike.files import JsonObject
from lookalike.photos.decode import Pool
from lookalike.project.paths import Project
from lookalike.report import SILENT, Block, Reporter
from lookalike.serve.application import application
from lookalike.serve.desk import Desk
from lookalike.settings.fields import Settings
from lookalike.text import counted
from lookalike.web import server as web


@dataclass(frozen=True)
class Served:
    """What a server did until it was stopped, and what the corrections it took are good for."""

    kind: ClassVar[str] = "serve"
    address: str
    answered: int
    corrected: int = 0
    advice: str = ""

    def data(self) -> JsonObject:
        """Where it listened, how many photos it answered for, and how many corrections it took that stand."""
        return {"address": self.address, "answered": self.answered, "corrected": self.corrected}

    def show(self) -> Iterable[Block]:
        """How many photos it named, once it has stopped, and when it is worth to train again."""
        yield f"stopped; {counted(self.answered, 'photo')} named"
        if self.advice:
            yield self.advice


def run(project: Project, settings: Settings, *, report: Reporter = SILENT) -> Served:
    """Serve until Ctrl-C. Raises NotReadyError without a model, ConfigError when the port is taken."""
    wanted = settings.serve
    folder = locate.locate(project, wanted.model)
    sock = web.listen(wanted.host, wanted.port)
    address, port = web.address(sock), sock.getsockname()[1]
    private, token = not is_local(wanted.host), web.new_token()
    with Pool(wanted.jobs) as pool:
        model = bundle.load(folder, threshold=wanted.threshold)
        desk = Desk(folder, model, pool, corrections(project, folder, model))
        app = web.RequestGuard(
            application(desk, token),
            hosts=web.own_hosts(wanted.host, port, wanted.allow_hosts),
            flag="--allow-hosts",
            token=token if private else "",
            private=private,
            max_body=wanted.max_bytes,
        )
        query = f"?token={token}" if private else ""
        report.note(f"{model.description.name} on {address}/{query}  (Ctrl-C ends it)")
        web.run(app, sock)
    waiting = desk.corrections.waiting() if desk.corrections else 0
    return Served(address, desk.answered, desk.corrected, advice(project, waiting))


def corrections(project: Project, folder: Path, model: bundle.OnnxModel) -> Corrections | None:
    """Who takes corrections: for a model of this project whose labels have folders in the set."""
    own = any(folder.resolve().is_relative_to(place.resolve()) for place in (project.runs, project.models))
    taken = Corrections(project, model.description.labels) if own else None
    return taken if taken and taken.folders else None


def is_local(host: str) -> bool:
    """Whether an address to listen on can only be reached from this computer."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
