"""Every classification network of torchvision and the families of timm: built, trained a step, written as ONNX.

Weights are random. The small ones are tried always, the others with `make test-all`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import timm
import torch
import torchvision
from torch import nn
from torch.nn import functional

from lookalike.project.records import InputSpec
from lookalike.vision import architectures, model, onnx, states, trial
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
SMALL = {"mobilenet_v3_small", "shufflenet_v2_x0_5", "squeezenet1_1", "mnasnet0_5", "mobilenet_v2", "regnet_y_400mf",
         "googlenet", "densenet121", "resnet18", "efficientnet_b0", "swin_v2_t"}  # fmt: skip
SLOW = [pytest.mark.all_networks]


def cases() -> list[Any]:
    names = [name for name in TORCHVISION if name not in REFUSED]
    return [*OF_EACH_FAMILY, *(pytest.param(name, marks=[] if name in SMALL else SLOW) for name in names)]


def test_there_are_forty_families_of_timm():
    assert len({timm.models._registry._model_to_module[name] for name in OF_EACH_FAMILY}) == 40


def built(arch: str) -> tuple[nn.Sequential, int]:
    """With one linear layer for three labels, and the least size that it takes."""
    torch.manual_seed(0)
    own = architectures.own_size(arch)
    network, _ = model.build(arch, 3, head="classifier", size=own)
    return network, own or next(size for size in range(32, 257, 32) if trial.takes(network, size))


@pytest.mark.parametrize("arch", cases())
def test_a_network_trains_a_step_and_answers_alike_as_onnx(arch: str):
    network, size = built(arch)
    for layer in network.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.eval()
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)
    loss = functional.cross_entropy(network(torch.randn(2, 3, size, size)), torch.tensor([0, 2]))
    loss.backward()
    learning = [parameter for parameter in network.parameters() if parameter.grad is not None]
    before = [parameter.detach().clone() for parameter in learning]
    optimizer.step()
    assert loss.isfinite() and learning[0].grad.abs().sum() > 0  # the loss reaches the first layer
    assert any(not torch.equal(now, then) for now, then in zip(learning, before, strict=True))
    network.eval()
    states.load(network, states.copied(network))  # as the best epoch and each run are put back
    spec = InputSpec(size)
    session = onnxruntime.InferenceSession(onnx.to_onnx(network, spec), providers=["CPUExecutionProvider"])
    photos = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), dtype=np.uint8)
    for some in (photos, photos[:1]):
        assert session.run(["probabilities"], {"image": some})[0] == pytest.approx(
            model.predict(network, spec, some), abs=1e-3
        )


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
