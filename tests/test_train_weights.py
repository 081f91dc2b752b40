"""--weights FILE: whatever program wrote them, weights are found by their names or taken in order with a warning."""

from __future__ import annotations

import os
from collections import defaultdict, deque
from collections.abc import Callable
from datetime import date
from pathlib import Path, PosixPath
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from lookalike.errors import ConfigError
from lookalike.report import SILENT
from lookalike.vision import weights
from tests.conftest import Cli
from tests.support import draw

ARCH = "mobilenetv3_small_050"


class Warnings(type(SILENT)):
    """A reporter that keeps what it warns of."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def warn(self, message: str, *_: object, **__: object) -> None:
        self.told.append(message)


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return weights.create(ARCH).state_dict()


def prefixed(state: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {prefix + name: value for name, value in state.items()}


def ways(state: dict[str, torch.Tensor]) -> dict[str, Any]:
    """What programs write, by who does."""
    other = {name: torch.zeros_like(value) for name, value in state.items() if value.is_floating_point()}
    bare = {name: value for name, value in state.items() if not name.startswith("classifier.")}
    return {
        "plain": state,
        "no head": bare,
        "another head": {**state, "classifier.weight": torch.ones(5, 1024), "classifier.bias": torch.ones(5)},
        "the example of torch": {"epoch": 3, "state_dict": prefixed(state, "module."), "best_acc1": torch.tensor(0.7)},
        "a tensor first": {"step": torch.tensor(5), "weights_of_this_program": state},
        "Lightning": {"state_dict": {**prefixed(state, "model."), "loss.weight": torch.ones(2)}, "loops": {"a": {}}},
        "compiled": {"model": prefixed(state, "_orig_mod.")},
        "teacher and student": {"student": prefixed(bare, "module.backbone."), "epoch": 1},
        "deep": {
            "networks": {"classifier": {"params": state}},
            "optimizer": {"state": {0: {"exp_avg": torch.ones(2)}}},
        },
        "a better one beside": {"discriminator": prefixed(other, "x."), "model": state},
        "a best score and a path": {"model": state, "best": np.float64(0.5), "at": PosixPath("runs"), "n": np.int64(2)},
        "the state of random numbers": {"model": state, "numpy": np.random.RandomState(0).get_state(), "seen": {1}},
        "settings and records of its own": {
            "settings": Warnings(),
            "log": defaultdict(list, a=[1]),
            "last": deque([1]),
            "date": date(2026, 1, 1),
            "model": state,
        },
        "beside the optimizer": (state, {"state": {0: {"exp_avg": torch.ones(2)}}}),
        "eight bits": {
            name: value.to(torch.float8_e5m2) if value.is_floating_point() and not value.any() else value
            for name, value in state.items()
        },
        "half": {name: value.half() if value.is_floating_point() else value for name, value in state.items()},
    }


WAYS = list(ways({"classifier.weight": torch.ones(1)}))


def loaded(path: Path) -> tuple[dict[str, torch.Tensor], list[str]]:
    """The network filled with a file, by name, and the warnings."""
    torch.manual_seed(2)
    network, report = weights.create(ARCH), Warnings()
    assert weights.load_into(network, ARCH, str(path), report)
    return network.state_dict(), report.told


def same(found: dict[str, torch.Tensor], state: dict[str, torch.Tensor]) -> bool:
    return all(
        torch.allclose(found[name], value, atol=1e-3)
        for name, value in state.items()
        if value.is_floating_point() and not name.startswith("classifier.")
    )


@pytest.mark.parametrize("way", WAYS)
def test_weights_are_found_by_their_names_in_what_any_program_writes(
    tmp_path: Path, state: dict[str, torch.Tensor], way: str
) -> None:
    torch.save(ways(state)[way], tmp_path / "w")
    found, told = loaded(tmp_path / "w")
    assert same(found, state) and not told


@pytest.mark.parametrize("name", ["w.safetensors", "w.bin", "w"])
def test_a_file_is_read_as_what_it_is_whatever_it_is_called(
    tmp_path: Path, state: dict[str, torch.Tensor], name: str
) -> None:
    save_file(prefixed(state, "module."), tmp_path / name)
    torch.save(state, tmp_path / "torch.safetensors")
    assert same(loaded(tmp_path / name)[0], state) and same(loaded(tmp_path / "torch.safetensors")[0], state)


def test_names_nobody_knows_are_taken_in_order_with_a_warning(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    torch.save({str(number): value for number, value in enumerate(state.values())}, tmp_path / "w")
    found, (told,) = loaded(tmp_path / "w")
    assert same(found, state) and "in their order" in told


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ([1], "no weights by name"), (torch.ones(2), "no weights by name"), (None, "no weights by name"),
        ({"conv_stem.weight": 1}, "no weights by name"), ({"a": torch.ones(2)}, "do not fit"),
        (nn.Linear(2, 2), "not a file of plain weights"), (b"no weights at all", "not a file of plain weights"),
        (b"", "not a file of plain weights"), ({"model": {}, "then": os.system}, r"it could run code \(\w+\.system\)"),
    ],
)  # fmt: skip
def test_what_is_no_weights_is_refused_with_why(tmp_path: Path, content: object, why: str) -> None:
    if isinstance(content, bytes):
        (tmp_path / "w").write_bytes(content)
    else:
        torch.save(content, tmp_path / "w")
    with pytest.raises(ConfigError, match=why):
        loaded(tmp_path / "w")


@pytest.mark.parametrize("spoil", ["shape", "number", "missing", "steps of a scale", "quantised", "imaginary"])
def test_weights_that_fit_but_for_one_are_refused(tmp_path: Path, state: dict[str, torch.Tensor], spoil: str) -> None:
    first = next(iter(state))
    wrong = {
        "shape": torch.ones(3), "number": state[first] * float("nan"), "steps of a scale": state[first].to(torch.int8),
        "quantised": torch.quantize_per_tensor(state[first], 0.1, 0, torch.qint8), "imaginary": state[first] * 1j,
    }  # fmt: skip
    spoilt = {name: value for name, value in state.items() if name != first} | (
        {first: wrong[spoil]} if spoil in wrong else {}
    )
    torch.save(spoilt, tmp_path / "w")
    with pytest.raises(ConfigError, match="no numbers" if spoil == "number" else first):
        loaded(tmp_path / "w")


@pytest.mark.parametrize(
    ("arch", "larger"),
    [
        ("resnet18", lambda: weights.create("resnet34")),
        ("vit_tiny_patch16_224", lambda: timm.create_model("vit_tiny_patch16_224", depth=14)),
    ],
)
def test_weights_of_a_larger_network_of_the_kind_are_refused(
    tmp_path: Path, arch: str, larger: Callable[[], nn.Module]
) -> None:
    torch.save(larger().state_dict(), tmp_path / "w")
    with pytest.raises(ConfigError, match=f"larger network than {arch}"):
        weights.load_into(weights.create(arch), arch, str(tmp_path / "w"))


def test_a_file_that_does_not_fit_is_told_before_photos_are_read(cli: Cli, tmp_path: Path) -> None:
    draw.folder(tmp_path / "images", {"circles": 4, "stripes": 4})
    torch.save({"model": nn.Linear(2, 2).state_dict()}, tmp_path / "w.pth")
    answer = cli("train", "--arch", ARCH, "--size", 64, "--weights", "w.pth")
    assert answer.code == 2 and "do not fit" in answer.err and "reading photos" not in answer.err
