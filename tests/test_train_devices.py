"""train on a machine with too little memory, with half precision, with a GPU that does not work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from lookalike.vision import device
from lookalike.vision.callbacks import GradScaling, HalfPrecision
from tests.conftest import Cli
from tests.support import draw

TINY = ("train", "--size", 64, "--epochs", 2, "--json")


@pytest.fixture
def precision(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The only precision there is."""
    monkeypatch.setattr("lookalike.vision.plan.fitting_precision", lambda *_: request.param)
    return str(request.param)


@pytest.mark.parametrize(
    ("event", "precision"),
    [("before_batch", "fp32"), ("after_pred", "bf16"), ("after_backward", "fp32")],
    indirect=["precision"],
)
def test_a_batch_too_large_for_memory_is_halved_and_leaves_nothing_behind(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, event: str, precision: str
):
    draw.folder(tmp_path / "images", {"circles": 8, "stripes": 8})
    small = cli(*TINY, "--batch-size", 2)
    before = getattr(HalfPrecision, event, lambda _: None)

    def small_memory(self: Any) -> None:
        if self.training and self.iter == 1 and len(self.xb[0]) > 2:  # when one step was taken
            raise torch.OutOfMemoryError("CUDA out of memory")
        before(self)

    monkeypatch.setattr(HalfPrecision, event, small_memory, raising=False)
    answer = cli(*TINY, "--batch-size", 4)
    assert "out of memory; going on with batches of 2" in answer.err
    assert not any(torch.is_autocast_enabled(kind) for kind in ("cpu", "cuda"))
    kept = [Path(ended.data["folder"]) / "weights.safetensors" for ended in (small, answer)]
    assert kept[0].read_bytes() == kept[1].read_bytes()
    losses = [[row.get("train_loss") for row in ended.data["run"]["history"]] for ended in (small, answer)]
    assert losses[0] == losses[1] and len(losses[0]) == 3


@pytest.mark.parametrize("precision", ["fp16"], indirect=True)
def test_float16_is_for_steps_only(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str):
    draw.folder(tmp_path / "images", {"circles": 8, "stripes": 8})
    seen: dict[bool, set[torch.dtype]] = {True: set(), False: set()}

    def watched(self: GradScaling) -> None:
        kind = self.dls.device.type
        seen[self.training].add(torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else torch.float32)

    monkeypatch.setattr(GradScaling, "before_batch", watched)
    answer = cli(*TINY)
    assert answer.data["run"]["history"][-1]["epoch"] >= 1
    assert seen == {True: {torch.float16}, False: {torch.float32}}


@pytest.mark.parametrize(("flag", "code"), [("auto", 0), ("cuda", 2)])
def test_a_gpu_that_does_not_work_is_told(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flag: str, code: int
):
    draw.folder(tmp_path / "images", {"circles": 6, "stripes": 6})
    zeros = torch.zeros

    def refused(*shape: int, **options: Any) -> torch.Tensor:
        if "cuda" in str(options.get("device")):
            raise RuntimeError("no kernel image is available for execution on the device")
        return zeros(*shape, **options)

    monkeypatch.setattr("torch.zeros", refused)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    answer = cli("train", "--recipe", "probe", "--size", 64, "--device", flag)
    assert answer.code == code
    assert "the CUDA device can't be used" in answer.err and "no kernel image" in answer.err


def test_on_a_gpu_pictures_lie_channels_first_and_full_precision_is_full(monkeypatch: pytest.MonkeyPatch):
    """What only a GPU would show: kernels compiled for each size of a batch, and answers other than the export's."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    for kind in ("flash", "mem_efficient", "cudnn"):
        monkeypatch.setattr(torch.backends.cuda, f"enable_{kind}_sdp", lambda _: None)
    gpu, processor = torch.device("cuda"), torch.device("cpu")
    device.repeatable(0, processor)
    assert torch.backends.cudnn.allow_tf32
    device.repeatable(0, gpu)
    assert not torch.backends.cudnn.allow_tf32
    assert device.memory_format(gpu) is torch.contiguous_format
    assert device.memory_format(processor) is torch.channels_last
