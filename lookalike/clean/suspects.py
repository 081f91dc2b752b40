"""Photos that probably carry the wrong label, or belong to no label: ranked, never moved by themselves.

A linear probe on the packaged network's features judges each photo without having seen it or its copies (five folds).
`doubt` is how little it believes the given label. How many labels are wrong is estimated as in confident learning
(C. Northcutt, L. Jiang, I. Chuang, Confident Learning, JAIR 70, 2021): a photo counts for the label whose probability
passes that label's own average. `oddness` is the distance to the centre of the photo's label, against what is usual.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lookalike import logistic
from lookalike.clean.scan import Seen

LEAST = 8
STRENGTH = 1.0
_ODD = 0.5


@dataclass(frozen=True)
class Suspicion:
    """How suspect one photo is (0..1), what label it looks like ("": like none), and why."""

    file: str
    label: str
    predicted: str
    probability: float
    score: float
    why: str


@dataclass(frozen=True)
class Suspects:
    """All photos, most suspect first, and the estimated share of right labels."""

    ranked: tuple[Suspicion, ...] = ()
    purity: dict[str, float] | None = None


def rank(photos: Sequence[Seen], features: Mapping[str, np.ndarray], groups: Mapping[str, str]) -> Suspects:
    """Judge every photo that has features. `groups` names the copies of each other; too few photos give no answer."""
    usable = [photo for photo in photos if photo.facts and photo.facts.sha256 in features]
    counts = Counter(photo.label for photo in usable)
    if len(counts) < 2 or min(counts.values()) < LEAST:
        return Suspects()
    labels = sorted(counts)
    given = np.array([labels.index(photo.label) for photo in usable])
    seen = np.stack([features[photo.facts.sha256] for photo in usable if photo.facts])
    numbers = {name: number for number, name in enumerate(dict.fromkeys(groups.values()))}
    group = np.array([numbers.get(groups.get(p.file, ""), len(numbers) + i) for i, p in enumerate(usable)])
    with logistic.one_thread():
        held_out, _ = logistic.held_out(seen, given, group, len(labels), STRENGTH)
    counted = _counted(held_out, given)
    doubt = 1 - held_out[np.arange(len(given)), given]
    odd = _oddness(seen, given)
    suspicions = []
    for number, photo in enumerate(usable):
        best = int(held_out[number].argmax())
        why = _why(labels, int(given[number]), best, float(odd[number]))
        score = float(max(doubt[number], odd[number]))
        probability = round(float(held_out[number, best]), 3)
        suspicions.append(Suspicion(photo.file, photo.label, labels[best], probability, round(score, 3), why))
    purity = {label: round(float((counted[given == i] == i).mean()), 3) for i, label in enumerate(labels)}
    return Suspects(tuple(sorted(suspicions, key=lambda item: -item.score)), purity)


def _counted(probabilities: np.ndarray, given: np.ndarray) -> np.ndarray:
    """The label each photo counts for: the likeliest among those that pass their own average, else the given one."""
    averages = np.array([probabilities[given == label, label].mean() for label in range(probabilities.shape[1])])
    passing = np.where(probabilities >= averages, probabilities, -1)
    return np.where(passing.max(1) > 0, passing.argmax(1), given)


def _oddness(seen: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Distance to the label's centre (0: usual, 1: far beyond), in robust deviations from the label's median."""
    odd = np.zeros(len(given))
    for label in np.unique(given):
        mine = given == label
        centre = np.median(seen[mine], axis=0)
        distance = 1 - seen[mine] @ (centre / max(float(np.linalg.norm(centre)), 1e-6))
        usual = np.median(distance)
        deviation = max(1.4826 * float(np.median(np.abs(distance - usual))), 1e-3)
        odd[mine] = np.clip((distance - usual) / deviation / 6, 0, 1)
    return odd


def _why(labels: Sequence[str], given: int, predicted: int, odd: float) -> str:
    if predicted != given:
        return f"looks like {labels[predicted]}"
    return f"unlike the other {labels[given]}" if odd >= _ODD else f"a weak example of {labels[given]}"
