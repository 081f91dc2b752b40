"""How the photos of a set agree, and what groups follow from that.

Nothing is joined over a third: in a group every photo is linked to the first.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, islice
from pathlib import Path

import numpy as np

from lookalike.photos.copies import finely, near
from lookalike.photos.copies.closely import Asked, Kind, kinds
from lookalike.photos.copies.likeness import KINDS
from lookalike.photos.decode import Pool
from lookalike.photos.memory import Memory, ViewOf
from lookalike.report import Reporter, Task

MOST_ALIKE = 5  # photos in a group of one scene; more that look alike are a crowd
_IN_MEMORY = 25_000
_WORTH_PROCESSES = 60  # pairs: a second process takes a quarter of one to start
_AT_ONCE = 16  # pairs that a process is asked about: asking takes as long as a tenth of an answer
# Where hardly any photo's likest partner is a copy of it, the set is full of look-alikes, and partners that come second
# are not worth their time. That could lose copies of which a look-alike is nearer; of 160 planted into four such sets
# of 1,200 it loses none.
_WORTH_ASKING, _NO_CROWD = 200, 0.05  # pairs, share of copies
_KEPT = 4096  # pictures that stay in memory, of 10 kB each: most photos have several partners
_MOST_COPIES = 40  # of one photo that are all compared with each other

COPIES = ("pixel", "copy")

Links = dict[frozenset[int], str]


@dataclass(frozen=True)
class Agreements:
    """How pairs of photos agree, by number: `pixel`, `copy` or `alike`; those that don't are left out. `placed` tells
    how the views of the copies lie on each other."""

    views: Sequence[tuple[int, ViewOf]]
    links: Links
    placed: dict[frozenset[int], near.Likeness]

    def asked(self, pair: frozenset[int], files: Sequence[Path]) -> finely.Placed:
        """The question how far two copies differ at their own pixels."""
        seen = self.placed[pair]
        (left, (_, inner)), (right, (_, other)) = self.views[seen.left], self.views[seen.right]
        return finely.Placed(files[left], files[right], (inner > 0, other > 0), seen.box, seen.mirrored)


def find(contents: Sequence[str], memory: Memory, pool: Pool, report: Reporter) -> Agreements:
    """How photos agree as far as small pictures tell.

    `contents` are different sha256, whose views `memory` has; nothing agrees with a photo without views.
    """
    looks = _Looks([(number, view) for number, sha256 in enumerate(contents) for view in memory.views(sha256)], memory)
    owners = [owner for owner, _ in looks.views]
    pairs = near.find(owners, looks.greys)
    likely = looks.noted(pairs)
    with report.task("laying likely copies on each other", len(likely)) as task:
        first, others = near.likest(likely, owners)
        copies = looks.ask(first, pool, task)
        if len(others) <= _WORTH_ASKING or copies >= _NO_CROWD * len(first):
            looks.ask(others, pool, task)
        else:
            task.advance(len(others))
    if missing := _missing(len(contents), looks.links):
        view = {owner: view for view, owner in reversed(list(enumerate(owners)))}
        between = looks.noted(near.between([(view[one], view[other]) for one, other in missing], looks.greys))
        with report.task("laying copies on each other", len(between)) as task:
            looks.ask(between, pool, task)
    links = {pair: kind for pair, kind in looks.links.items() if kind != "other"}
    return Agreements(looks.views, links, looks.placed)


def confirmed(
    found: Agreements, order: Sequence[int], contents: Sequence[str], files: Sequence[Path], memory: Memory, pool: Pool,
    report: Reporter, across: Callable[[frozenset[int]], bool] = lambda _: False,
) -> Links:  # fmt: skip
    """The same after a look at the pixels of the photos themselves: what differs there in some small thing is `alike`.

    Looked at are the pairs that `stars` would join in that `order`, so about as many as there are copies. What cannot
    be looked at is no copy for sure; of pairs `across` labels less is enough.
    """
    links = dict(found.links)
    known: set[frozenset[int]] = set()

    def apart(pair: frozenset[int]) -> float | None:
        one, other = (contents[number] for number in pair)
        return memory.apart(one, other)

    def agree(pair: frozenset[int]) -> bool:
        levels = apart(pair)
        return levels is not None and levels + (finely.LESS if across(pair) else 0) <= 0

    while new := {frozenset((star[0], ray)) for star in stars(order, sure(links)) for ray in star[1:]} - known:
        unseen = sorted((pair for pair in new if apart(pair) is None), key=sorted)
        with report.task("comparing copies at their own pixels", len(unseen)) as task:
            asked = (found.asked(pair, files) for pair in unseen)
            for pair, (_, answer) in zip(unseen, pool.map("lookalike.photos.copies.finely:apart", asked), strict=True):
                task.advance()
                if isinstance(answer, float):
                    memory.keep_apart([contents[number] for number in pair], answer)
        links |= {pair: "alike" for pair in new if not agree(pair)}
        known |= new
    return links


class _Looks:
    """The views of a set, each with the number of its photo, and what their pairs turned out to be: `links`."""

    def __init__(self, views: Sequence[tuple[int, ViewOf]], memory: Memory) -> None:
        self.views, self.memory = views, memory
        self.links: Links = {}
        self.placed: dict[frozenset[int], near.Likeness] = {}
        self._small = lru_cache(_KEPT)(lambda number: memory.small(views[number][1]))
        names = [view for _, view in views]
        self._greys = memory.greys(names) if len(names) <= _IN_MEMORY else None

    def greys(self, numbers: np.ndarray) -> np.ndarray:
        """Their grey pictures."""
        if self._greys is None:
            return self.memory.greys([self.views[number][1] for number in numbers])
        return self._greys[numbers]

    def noted(self, pairs: Iterable[near.Likeness]) -> list[near.Likeness]:
        """The likely copies among these pairs; that the others show one scene is noted."""
        likely = []
        for pair in pairs:
            if pair.likely:
                likely.append(pair)
            else:
                self._note(pair, "alike")
        return likely

    def ask(self, likely: Sequence[near.Likeness], pool: Pool, task: Task) -> int:
        """Have these pairs looked at closely, note what they are, and tell how many are copies."""
        copies = 0
        for pair, kind in zip(likely, _kinds(map(self._asked, likely), len(likely), pool), strict=True):
            task.advance()
            copies += kind in COPIES
            if kind is None and pair.scene:
                self._note(pair, "alike")
            elif isinstance(kind, str):
                self._note(pair, kind)
        return copies

    def _asked(self, pair: near.Likeness) -> Asked:
        framed = any(self.views[number][1][1] > 0 for number in (pair.left, pair.right))
        return Asked(self._small(pair.left), self._small(pair.right), pair.box, pair.mirrored, framed)

    def _note(self, pair: near.Likeness, kind: str) -> None:
        both = frozenset(self.views[number][0] for number in (pair.left, pair.right))
        before = self.links.get(both, kind)
        self.links[both] = min(kind, before, key=KINDS.index)
        if kind in COPIES and (both not in self.placed or self.links[both] != before):
            self.placed[both] = pair


def _kinds(asked: Iterator[Asked], count: int, pool: Pool) -> Iterator[Kind]:
    """The answers to so many questions, in order; by the pool where that is worth its start."""
    batches = iter(lambda: list(islice(asked, _AT_ONCE)), [])
    if count < _WORTH_PROCESSES or pool.jobs == 1:
        yield from (answer for batch in batches for answer in kinds(batch))
        return
    for batch, answers in pool.map("lookalike.photos.copies.closely:kinds", batches):
        yield from answers if isinstance(answers, list) else [answers] * len(batch)


def sure(links: Links) -> Links:
    """Those of copies."""
    return {pair: kind for pair, kind in links.items() if kind != "alike"}


def _missing(count: int, links: Links) -> list[tuple[int, int]]:
    """The pairs that nobody looked at among photos that hang together as copies."""
    copies = [tuple(pair) for pair, kind in links.items() if kind in COPIES]
    groups = [group[:_MOST_COPIES] for group in _connected(count, copies)]
    return [pair for group in groups for pair in combinations(group, 2) if frozenset(pair) not in links]


def _connected(count: int, pairs: Iterable[Iterable[int]]) -> list[list[int]]:
    """What hangs together of so many things, over any number of pairs: each group in order, those of one left out."""
    parent = list(range(count))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for one, other in pairs:
        parent[root(other)] = root(one)
    groups: dict[int, list[int]] = {}
    for index in range(count):
        groups.setdefault(root(index), []).append(index)
    return [group for group in groups.values() if len(group) > 1]


def stars(order: Sequence[int], links: Links) -> list[list[int]]:
    """Groups in which every photo is linked to the first, which comes before them in `order`."""
    partners: dict[int, set[int]] = defaultdict(set)
    for pair in links:
        left, right = pair
        partners[left].add(right)
        partners[right].add(left)
    place = {number: rank for rank, number in enumerate(order)}
    taken: set[int] = set()
    found = []
    for hub in sorted(partners, key=place.__getitem__):
        if hub not in taken and (rays := sorted(partners[hub] - taken, key=place.__getitem__)):
            found.append([hub, *rays])
            taken.update(found[-1])
    return found


def scenes(order: Sequence[int], links: Links) -> list[list[int]]:
    """Groups of photos of one scene, copies included."""
    return [star for star in stars(order, links) if len(star) <= MOST_ALIKE]


def by_links(count: int, links: Links) -> list[int]:
    """So many photos, those with the most links first."""
    often = Counter(number for pair in links for number in pair)
    return sorted(range(count), key=lambda number: -often[number])


def together(count: int, links: Links) -> list[list[int]]:
    """What a split of so many photos must keep together: the scenes, each with all copies of its photos. Photos with
    the most links are in the middle."""
    order = by_links(count, links)
    home = {number: scene[0] for scene in scenes(order, links) for number in scene}
    for copies in stars(order, sure(links)):
        home |= dict.fromkeys(copies, home.get(copies[0], copies[0]))
    homes: dict[int, list[int]] = defaultdict(list)
    for number, name in home.items():
        homes[name].append(number)
    return [group for group in homes.values() if len(group) > 1]
