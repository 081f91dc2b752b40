"""A trained model as a Python value: photos in, answers out, without torch.

model = Model.load("models/insects")       # or a name under models/, or nothing: the newest
answer = model("photo.jpg")                # a path, bytes, a Pillow image or an array
answer.label, answer.probability, answer.known
model(["a.jpg", "b.jpg"]).to_pandas()
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, overload

from lookalike.bundle.answer import document, unsure
from lookalike.bundle.locate import locate
from lookalike.project.paths import Project
from lookalike.project.records import FaceAnswer, Prediction

if TYPE_CHECKING:
    import numpy as np
    import pandas
    from PIL import Image

    from lookalike.bundle import bundle

    Photo = str | Path | bytes | Image.Image | np.ndarray

SHOWN = 160  # pixels of the longer side of a photo in a notebook
BATCH = 16


class Answer:
    """What a model says about one photo.

    `label` is the answer, "neither" when the model is not sure, "" when there is no photo to see (`reason` says why).
    `closest` is the most likely label in any case, `probability` its probability where it is the answer, else None.
    """

    def __init__(self, prediction: Prediction, photo: Photo) -> None:
        self.prediction = prediction
        self._photo = photo
        self._told = document(prediction)

    @property
    def label(self) -> str:
        """The answer as programs read it."""
        return str(self._told.get("label", ""))

    @property
    def closest(self) -> str:
        """The most likely label, also when the model is not sure of it; "" when there is none."""
        return self.prediction.label

    @property
    def known(self) -> bool:
        """Whether `label` is one of the model's labels."""
        return not (self.prediction.doubt or self.prediction.reason)

    @property
    def probability(self) -> float | None:
        """Of `label`, from 0 to 1; None where that is none of the labels."""
        return self._told.get("probability")

    @property
    def probabilities(self) -> dict[str, float]:
        """Of every label, the most likely first."""
        return dict(self.prediction.probabilities)

    @property
    def similarity(self) -> float | None:
        """To the photos learnt from, from -1 to 1; None when the model doesn't tell."""
        return self.prediction.similarity

    @property
    def faces(self) -> tuple[FaceAnswer, ...]:
        """Of a model of people: every face with its box in pixels of the upright photo, largest first."""
        return self.prediction.faces or ()

    @property
    def reason(self) -> str:
        """Why there is no answer (`not-an-image`, …) or no label (`unlike`, …); "" when there is one."""
        return self.prediction.reason or self.prediction.doubt

    def to_dict(self) -> dict[str, object]:
        """The answer in the words of `predict --json`."""
        return self._told

    def __str__(self) -> str:
        return f"{self.prediction.file}: {_words(self.prediction)}"

    def __repr__(self) -> str:
        return f"<Answer {self}>"

    def _repr_html_(self) -> str:
        """The photo, small, with its answer below: what notebooks show."""
        image = f"<img src='{self._thumbnail}' alt=''>" if self._thumbnail else ""
        words = f"<figcaption>{escape(_words(self.prediction))}</figcaption>"
        return f"<figure style='display:inline-block;margin:4px;max-width:{SHOWN}px'>{image}{words}</figure>"

    @cached_property
    def _thumbnail(self) -> str:
        from lookalike.errors import UnusablePhoto
        from lookalike.photos import images

        try:
            image = images.open_rgb(_source(self._photo))
        except UnusablePhoto:
            return ""
        image.thumbnail((SHOWN, SHOWN))
        buffer = io.BytesIO()
        image.save(buffer, "JPEG")
        return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


class AnswerList(Sequence[Answer]):
    """The answers for several photos, in their order."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        self._answers = tuple(answers)

    @overload
    def __getitem__(self, index: int) -> Answer: ...
    @overload
    def __getitem__(self, index: slice) -> AnswerList: ...
    def __getitem__(self, index: int | slice) -> Answer | AnswerList:
        return AnswerList(self._answers[index]) if isinstance(index, slice) else self._answers[index]

    def __len__(self) -> int:
        return len(self._answers)

    def __repr__(self) -> str:
        return "\n".join(map(str, self)) or "no answers"

    def _repr_html_(self) -> str:
        return "".join(answer._repr_html_() for answer in self)

    def to_pandas(self) -> pandas.DataFrame:
        """A row for each photo: file, label, closest, probability, similarity, reason, then each label's probability.

        Raises ImportError where pandas is not installed.
        """
        import pandas

        rows = [
            {
                "file": answer.prediction.file, "label": answer.label, "closest": answer.closest,
                "probability": answer.probability, "similarity": answer.similarity, "reason": answer.reason,
                **{f"p({label})": value for label, value in answer.probabilities.items()},
            }
            for answer in self
        ]  # fmt: skip
        return pandas.DataFrame(rows)


class Model:
    """A model that `train` or `export` left. Called with a photo it gives an Answer, with several, AnswerList."""

    def __init__(self, opened: bundle.OnnxModel) -> None:
        self._opened = opened

    @classmethod
    def load(
        cls, model: str | Path | None = None, *, project: str | Path = ".", threshold: float | None = None
    ) -> Model:
        """The model of this name under models/, or in this folder, or the newest of the project.

        `threshold` is the probability under which the answer is "neither", in place of the model's own limits; with 0
        it never is. Every file is checked first. Raises NotReadyError when there is none or it is damaged.
        """
        from lookalike.bundle import bundle

        folder = locate(Project(Path(project).expanduser()), str(model) if model else None)
        return cls(bundle.load(folder, threshold=threshold))

    @property
    def labels(self) -> tuple[str, ...]:
        """What it tells apart."""
        return self._opened.description.labels

    @overload
    def __call__(self, photos: Photo) -> Answer: ...
    @overload
    def __call__(self, photos: list[Photo]) -> AnswerList: ...
    def __call__(self, photos: Photo | list[Photo]) -> Answer | AnswerList:
        """What it says about a photo, or about each of several. A photo that can't be read is an answer with a reason.

        A photo is a path, the bytes of a file, a Pillow image, or an array (height, width, 3) of uint8 RGB.
        """
        return self._answers(photos) if isinstance(photos, list) else self._answers([photos])[0]

    def _answers(self, photos: Sequence[Photo]) -> AnswerList:
        named = ((_name(photo, number), _source(photo)) for number, photo in enumerate(photos))
        return AnswerList(map(Answer, self._opened.predict(named, BATCH), photos))

    def __repr__(self) -> str:
        return f"<Model {self._opened.description.name}: {', '.join(self.labels)}>"


def _words(prediction: Prediction) -> str:
    if prediction.reason:
        return prediction.detail or prediction.reason
    return unsure(prediction) if prediction.doubt else f"{prediction.label} {prediction.probabilities[0][1]:.1%}"


def _name(photo: Photo, number: int) -> str:
    return str(photo) if isinstance(photo, (str, Path)) else f"photo {number + 1}"


def _source(photo: Photo) -> Path | bytes:
    """What the readers of files take; pixels become a file without loss."""
    if isinstance(photo, bytes):
        return photo
    if isinstance(photo, (str, Path)):
        return Path(photo)
    from PIL import Image

    image = photo if isinstance(photo, Image.Image) else Image.fromarray(photo)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
