"""Every classification network of torchvision and the families of timm: built, trained a step, written as ONNX.

Weights are random. The small ones are tried always, the others with `make test-all`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import timm
import torch
import torchvision
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

from lookalike.bundle import running
from lookalike.cli import main
from lookalike.project.records import InputSpec
from lookalike.vision import architectures, device, model, onnx, states, trial
from tests.conftest import Cli
from tests.support import draw

TABLE = Path(__file__).parent.parent / "docs" / "networks.md"
REFUSED = {
    name: row.split("|")[2].strip()
    for row in TABLE.read_text().splitlines()
    if row.startswith("| `")
    for name in re.findall(r"`([^`]+)`", row.split("|")[1])
}
TORCHVISION = torchvision.models.list_models(module=torchvision.models)
OF_EACH_FAMILY = [
    "test_convnext", "test_efficientnet", "test_vit", "test_nfnet", "test_mambaout", "test_byobnet",
    "test_resnet", "starnet_s050", "test_coatnet", "test_vit_relpos", "mobilevit_xxs", "edgenext_xx_small",
    "mobilenetv3_small_050", "ese_vovnet19b_slim_dw", "repghostnet_050", "efficientvit_m0", "ghostnet_050",
    "cspnext_tiny", "iformer_t", "cs3darknet_focus_s", "efficientvit_b0", "swiftformer_xs",
    "efficientformerv2_s0", "pvt_v2_b0", "fasternet_t0", "lcnetv2_small", "inception_next_atto", "rexnet_100",
    "hardcorenas_b", "repvit_m1", "regnetx_004_tv", "convit_tiny", "deit_tiny_patch16_224", "gmlp_ti16_224",
    "hgnetv2_b0", "shvit_s1", "cpubone_nano", "resnetv2_18", "legacy_seresnet18", "rdnet_tiny",
]  # fmt: skip
OF_THE_OTHERS = [
    "dla46x_c", "xcit_nano_12_p8_224", "fastvit_t8", "pit_ti_224", "coat_tiny", "eva02_tiny_patch14_224",
    "vit_tiny_r_s16_p8_224", "efficientvim_m1", "crossvit_tiny_240", "levit_128s", "densenet121", "dpn48b",
    "visformer_tiny", "resnest14d", "csatv2", "poolformerv2_s12", "cait_xxs24_224", "skresnet18",
    "gcvit_xxtiny", "tiny_vit_5m_224", "efficientformer_l1", "hrnet_w18_small", "lowformer_b0", "nest_tiny",
    "convmixer_768_32", "vitamin_small_224", "legacy_xception", "tnt_s_legacy_patch16_224", "inception_v3",
    "twins_svt_small", "mvitv2_tiny", "res2next50", "sam2_hiera_tiny", "xception41p", "sequencer2d_s",
    "hiera_tiny_224", "swin_tiny_patch4_window7_224", "swinv2_cr_tiny_224", "swinv2_tiny_window8_256",
    "davit_tiny", "focalnet_tiny_srf", "selecsls42", "tresnet_m", "nextvit_small", "inception_v4",
    "inception_resnet_v2", "mobilenetv5_base", "pnasnet5large", "samvit_base_patch16_224",
    "beit_base_patch16_224", "naflexvit_base_patch16_gap", "qwen3_vit_88m", "nasnetalarge", "vgg11",
    "halonet26t", "volo_d1_224", "gemma4_vit_167m", "deepseek_vit_412m",
]  # fmt: skip
SMALL = {"mobilenet_v3_small", "shufflenet_v2_x0_5", "squeezenet1_1", "mnasnet0_5", "mobilenet_v2", "regnet_y_400mf",
         "googlenet", "densenet121", "resnet18", "efficientnet_b0", "swin_v2_t"}  # fmt: skip
SLOW = [pytest.mark.all_networks]


def cases() -> list[Any]:
    names = [name for name in TORCHVISION if name not in REFUSED]
    slow = [*OF_THE_OTHERS, *(name for name in names if name not in SMALL)]
    return [*OF_EACH_FAMILY, *sorted(SMALL), *(pytest.param(name, marks=SLOW) for name in slow)]


def test_there_is_one_of_every_family_of_timm():
    family = timm.models._registry._model_to_module
    assert {family[name] for name in [*OF_EACH_FAMILY, *OF_THE_OTHERS]} == set(family.values())
    assert len({family[name] for name in OF_EACH_FAMILY}) == 40


class Wordless(nn.Module):
    """One of the operations that ONNX, or its exporter, has no word for, in the middle of a network."""

    def __init__(self, operation: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.operation = operation
        self.layer = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        return self.operation(self.layer(photos)).flatten(1)


WORDLESS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "overlapping blocks": lambda x: x.unfold(2, 6, 2).unfold(-2, 5, 3),
    "blocks added up": lambda x: functional.fold(
        functional.unfold(x, (3, 2), padding=(1, 0), stride=(2, 1)) ** 2,
        x.shape[2:],
        (3, 2),
        padding=(1, 0),
        stride=(2, 1),
    ),
    "blocks apart": lambda x: functional.fold(functional.unfold(x, 2, dilation=3) ** 2, (16, 16), 2, 3),
    "norm": lambda x: functional.rms_norm(x, x.shape[-1:], torch.arange(16.0), 1e-6),
    "norm of pictures": lambda x: functional.rms_norm(x, [16, 16]),
    "smaller, smoothed": lambda x: functional.interpolate(x, size=(5, 7), mode="bilinear", antialias=True),
    "one row": lambda x: functional.interpolate(x, (1, 20), mode="bicubic", antialias=True),
    "tiles": lambda x: x + x[:, :1, :4, :4].tile(4, 4, 4),
    "tiles in a list": lambda x: x + x[:, :, :4, :4].tile([4, 4]),
    "the largest of cells": lambda x: functional.adaptive_max_pool2d(x, (5, 3)),
    "the largest of rows": lambda x: functional.adaptive_max_pool2d(x, (1, 16)),
    "larger": lambda x: functional.interpolate(x, scale_factor=2.0),
}


@pytest.mark.parametrize("kind", WORDLESS)
def test_what_onnx_has_no_word_for_is_said_in_others_with_equal_answers(kind: str):
    torch.manual_seed(0)
    network = Wordless(WORDLESS[kind]).eval()
    session = running.open_session(onnx.to_logits(network, InputSpec(16)))  # which refuses loops and branches
    photos = torch.randn(3, 3, 16, 16)
    with torch.no_grad():
        for some in (photos, photos[:1]):
            answers = session.run(None, {"pixel_values": some.numpy()})[0]
            assert answers == pytest.approx(network(some).numpy(), abs=1e-4)


def test_a_network_that_onnx_has_no_word_for_is_refused_without_a_line_of_its_graph(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    resnet = timm.create_model("test_resnet").__class__
    usual = resnet.forward_features
    monkeypatch.setattr(resnet, "forward_features", lambda self, x: torch.linalg.matrix_exp(usual(self, x)))
    draw.folder(tmp_path / "images", {"circles": 4, "stripes": 4})
    asked = ["train", "--arch", "test_resnet", "--weights", "none", "--size", "32"]
    assert main([*asked, "--project", str(tmp_path), "--images", str(tmp_path / "images"), "--json"]) == 2
    out, err = capfd.readouterr()  # the exporter writes past Python's own standard output
    assert "test_resnet can't be written as ONNX: " in json.loads(out)["error"]["message"] and "graph(" not in err


def faulty(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """Give the network test_resnet a fault that no forward pass shows."""
    resnet = timm.create_model("test_resnet").__class__
    if fault == "kept":
        monkeypatch.setattr(resnet, "get_extra_state", lambda self: {"date": "2026"}, raising=False)
        monkeypatch.setattr(resnet, "set_extra_state", lambda self, state: None, raising=False)
        return
    usual = resnet.forward_features
    scripted = torch.jit.script(branching)
    monkeypatch.setattr(resnet, "forward_features", lambda self, x: scripted(usual(self, x)))


def branching(x: torch.Tensor) -> torch.Tensor:
    if bool(x.sum() > 0):
        x = x * 2
    return x


@pytest.mark.parametrize("fault", ["kept", "loops or branches"])
def test_what_a_run_could_not_be_opened_with_is_known_before_photos_are_read(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
):
    faulty(monkeypatch, fault)
    draw.folder(tmp_path / "images", {"circles": 4, "stripes": 4})
    answer = cli("train", "--arch", "test_resnet", "--weights", "none", "--size", "32")
    assert answer.code == 2 and fault in answer.err and "reading photos" not in answer.err


def built(arch: str) -> tuple[nn.Sequential, int]:
    """With one linear layer for three labels, and the least size that it takes."""
    torch.manual_seed(0)
    own = architectures.own_size(arch)
    network, _ = model.build(arch, 3, head="classifier", size=own)
    return network, own or next(size for size in range(32, 257, 32) if trial.takes(network, size))


@pytest.mark.parametrize("arch", cases())
def test_a_network_trains_a_step_and_answers_alike_as_onnx(arch: str, tmp_path: Path):
    network, size = built(arch)
    for layer in network.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.eval()
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)
    loss = functional.cross_entropy(network(torch.randn(2, 3, size, size)), torch.tensor([0, 2]))
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)  # 150 layers of random weights would leave no numbers
    learning = [parameter for parameter in network.parameters() if parameter.grad is not None]
    before = [parameter.detach().clone() for parameter in learning]
    optimizer.step()
    assert loss.isfinite() and learning[0].grad.abs().sum() > 0  # the loss reaches the first layer
    assert any(not torch.equal(now, then) for now, then in zip(learning, before, strict=True))
    network.eval()
    states.load(network, states.copied(network))  # as the best epoch and each run are put back
    model.save(network, tmp_path / "weights.safetensors")
    states.load(network, load_file(tmp_path / "weights.safetensors"))
    spec = InputSpec(size)
    session = onnxruntime.InferenceSession(onnx.to_onnx(network, spec), providers=["CPUExecutionProvider"])
    photos = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), dtype=np.uint8)
    for some in (photos, photos[:1]):
        assert session.run(["probabilities"], {"image": some})[0] == pytest.approx(
            model.predict(network, spec, some), abs=1e-3
        )


def test_a_network_that_uses_numbers_in_several_places_is_kept(tmp_path: Path):
    layer = nn.Linear(4, 4)
    network = nn.Sequential(layer, nn.ReLU(), layer, nn.Linear(4, 4))
    network[3].weight = nn.Parameter(layer.weight.detach().T)  # the same memory, seen another way
    model.save(network, tmp_path / "weights.safetensors")
    kept = load_file(tmp_path / "weights.safetensors")
    assert set(kept) == set(network.state_dict())
    assert all(torch.equal(kept[name], tensor) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize(
    "arch", sorted(SMALL | {"maxvit_t", "test_vit", "test_convnext", "mobilenetv3_small_050", "test_nfnet"})
)
def test_features_are_what_the_networks_own_classifier_gets(arch: str):
    whole: Any = architectures.create(arch).eval()
    (name,) = architectures.classifier_names(whole, arch)
    classifier = whole.get_submodule(name)
    got: list[torch.Tensor] = []
    classifier.register_forward_hook(lambda _, given, __: got.append(given[0].flatten(1)))
    size = architectures.own_size(arch) or 64
    photos = torch.randn(1, 3, size, size)
    with torch.no_grad():
        whole(photos)
        body, features = architectures.backbone(whole, arch)
        seen = body(photos).flatten(1)
    if isinstance(classifier, nn.Linear):  # what a convolution gets is averaged after it
        assert seen.shape == (1, features) and torch.allclose(seen, got[0], atol=1e-5)


def test_weights_of_five_dimensions_are_laid_out_with_the_others():
    network = nn.Sequential(nn.Conv3d(1, 4, (1, 3, 3)), nn.Conv2d(3, 4, 3))
    device.lay_out(network, torch.device("cpu"))
    assert network[1].weight.is_contiguous(memory_format=torch.channels_last) and network[0].weight.is_contiguous()


def test_a_training_whose_numbers_run_away_ends_with_the_reason_and_nothing_to_go_on_with(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("lookalike.vision.finetune.SCRATCH_RATE", 1e38)
    draw.folder(tmp_path / "images", {"circles": 6, "stripes": 6})
    answer = cli("train", "--arch", "test_resnet", "--weights", "none", "--size", "32", "--epochs", "3")
    assert answer.code == 3 and "no numbers" in answer.err and "--arch" in answer.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("arch", TORCHVISION)
def test_the_weights_of_a_network_are_counted_without_making_them(arch: str):
    millions = architectures.parameters(arch) / 1e6
    told = torchvision.models.get_model_weights(arch).DEFAULT.meta["num_params"] / 1e6  # type: ignore[attr-defined]
    assert millions == pytest.approx(told, rel=0.2)  # auxiliary classifiers aside


@pytest.mark.parametrize("place", ["", "timm/", "hf_hub:timm/", "hf-hub:timm/"])
def test_a_network_of_timm_may_be_named_as_its_published_weights_are(place: str):
    assert architectures.resolve(f"{place}test_resnet.r160_in1k") == "test_resnet.r160_in1k"


def refused() -> list[Any]:
    """The first of each kind of reason is tried always."""
    first = {why.split(":")[0]: name for name, why in reversed(REFUSED.items())}
    return [pytest.param(name, marks=[] if name in first.values() else SLOW) for name in REFUSED]


@pytest.mark.parametrize("arch", refused())
def test_a_network_of_the_table_is_refused_with_why_before_photos_are_read(cli: Cli, tmp_path: Path, arch: str):
    draw.folder(tmp_path / "images", {"circles": 4, "stripes": 4})
    answer = cli("train", "--arch", arch, "--weights", "none")
    assert answer.code == 2
    assert f"{arch} {REFUSED[arch].split(':')[0]}" in answer.err
    assert "reading photos" not in answer.err and not list(tmp_path.glob("runs/*"))
