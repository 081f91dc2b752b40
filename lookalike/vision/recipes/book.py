"""The fastai book's own recipe: DataBlock, vision_learner, fine_tune. Every number is fastai's default."""

from __future__ import annotations

from fastai.losses import CrossEntropyLossFlat
from fastai.metrics import error_rate
from fastai.vision.learner import vision_learner

from lookalike.vision import data, model, states, steps, weights
from lookalike.vision.callbacks import KeepBest, Steps, quiet
from lookalike.vision.material import EPOCHS, Material, Trained


def book(material: Material) -> Trained:
    """J. Howard and S. Gugger, "Deep Learning for Coders with fastai and PyTorch", chapter 2, on our split."""
    epochs = EPOCHS if material.epochs is None else material.epochs
    dls = data.book_loaders(
        material.dataset, material.spec, batch_size=material.batch_size or 64, device=material.device
    )
    filled, _ = model.build(
        material.arch, len(material.dataset.labels), head="book", source=material.weights, size=material.spec.size
    )
    learner = vision_learner(
        dls, weights.resolve(material.arch), pretrained=False, normalize=False, n_out=len(material.dataset.labels),
        loss_func=CrossEntropyLossFlat(), metrics=error_rate,
    )  # fmt: skip
    states.load(learner.model[0], filled[0].state_dict())
    best = KeepBest(material.report)
    with material.report.task("training", len(dls.train) * (epochs + 1)) as task, quiet(learner):
        learner.fine_tune(epochs, cbs=[best, Steps(task)])
    if best.state:
        states.load(learner.model, best.state)
    similarities = steps.learn_axes(learner.model, material)
    history = tuple(best.history)
    return Trained(learner.model.cpu().eval(), "book", history, best.best_epoch, similarities=similarities)
