"""Go through the providers in their order, question by question, and remember why each one stopped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from lookalike import plugins
from lookalike.errors import ConfigError
from lookalike.gather.api import Api, redact
from lookalike.gather.providers.base import FOR_THIS_QUESTION, Hit, Provider, Query, Stop
from lookalike.settings.fields import GatherSettings, Settings


@dataclass(frozen=True)
class Candidate:
    """A hit with where it came from: which question to which provider, and its place among the answers."""

    hit: Hit
    provider: str
    query: str
    rank: int
    whole: bool = False


@dataclass
class SearchOutcome:
    """How one provider fared for one label."""

    provider: str
    label: str
    found: int = 0
    saved: int = 0
    reason: str = "enough"
    detail: str = ""


class Search:
    """All providers of a run. A provider that is blocked, out of quota or gone is asked only once."""

    def __init__(self, settings: Settings, env: Mapping[str, str], api: Api, names: Sequence[str]) -> None:
        self.settings = settings
        self.api = api
        self.outcomes: dict[tuple[str, str], SearchOutcome] = {}
        self.ended: dict[str, Stop] = {}
        kinds = [plugins.find("provider", name) for name in dict.fromkeys(settings.gather.provider)]
        if not kinds:
            raise ConfigError("no provider is given", "add --provider openverse")
        _check_license(settings.gather, kinds)
        for section in (kind.section for kind in kinds if kind.section):
            settings.of(section)  # a fault in it is told before anything is asked
        self.providers: list[Provider] = [kind(settings, env, api.ask) for kind in kinds]
        for provider in self.providers:
            if tell := getattr(provider, "asked", None):
                tell(names)

    def labels(self) -> list[str]:
        """The labels that the providers have by themselves."""
        return list(dict.fromkeys(label for provider in self.providers for label in provider.labels()))

    def candidates(self, name: str, label: str, wanted: int) -> Iterator[Candidate]:
        """Candidates for a name, found as they are needed: the caller stops taking when it has enough.

        `label` is the name as a folder, by which the outcome is listed.
        """
        for provider in self.providers:
            outcome = self.outcomes[provider.name, label] = SearchOutcome(provider.name, label)
            questions = [""] if provider.local else self.settings.gather.query
            for words in questions:
                query = self._query(name, words, wanted)
                for candidate in self._ask(provider, query, outcome):
                    outcome.found += 1
                    yield candidate
                if provider.name in self.ended:
                    break

    def _query(self, label: str, words: str, wanted: int) -> Query:
        gather = self.settings.gather
        return Query(
            label=label,
            text=" ".join((words or "{label}").replace("{label}", label).split()),
            want=wanted,
            safe=gather.safe,
            license=gather.license,
            min_size=gather.min_size,
            type=gather.type,
        )

    def _ask(self, provider: Provider, query: Query, outcome: SearchOutcome) -> Iterator[Candidate]:
        end = self.ended.get(provider.name)
        try:
            if end is None:
                for rank, hit in enumerate(provider.search(query), start=1):
                    yield Candidate(hit, provider.name, query.text, rank, provider.whole)
                end = Stop("exhausted")
        except Stop as stop:
            end = stop
            if stop.reason not in FOR_THIS_QUESTION:
                self.ended[provider.name] = stop
        if end is not None and not (end.reason == "no-hits" and outcome.found):
            outcome.reason, outcome.detail = end.reason, redact(end.detail, provider.secrets)


def connections() -> dict[str, int]:
    """How many connections sites allow at the same time, as providers know it: it holds whoever names an address."""
    allowed: dict[str, int] = {}
    for name in plugins.names("provider"):
        with suppress(ConfigError):  # told when it is asked for
            allowed |= getattr(plugins.find("provider", name), "connections", {})
    return allowed


def _check_license(gather: GatherSettings, providers: list[type[Provider]]) -> None:
    """A licence that a provider cannot see to is refused, not passed over."""
    if gather.license == "any":
        return
    unable = [provider.name for provider in providers if not provider.licenses]
    if unable:
        raise ConfigError(
            f"--license {gather.license} cannot be honoured by: {', '.join(unable)}",
            "use --provider openverse,commons",
        )
