"""Networks by name: what an earlier version trained stays usable."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file

from lookalike.photos.images import read
from lookalike.project.records import InputSpec
from tests.conftest import Cli
from tests.support import runs


def as_earlier_versions_built_it(arch: str):
    """fastai's body, averaged, and one linear layer."""
    import timm
    import torch
    import torchvision
    from fastai.vision.learner import TimmBody, create_body, num_features_model
    from torch import nn

    if hasattr(torchvision.models, arch):
        body = create_body(getattr(torchvision.models, arch)(weights=None), pretrained=False)
        features, first = num_features_model(body), nn.AdaptiveAvgPool2d(1)
    else:
        body = TimmBody(timm.create_model(arch, num_classes=0))
        features, first = body.model.num_features, nn.AdaptiveAvgPool2d(1)
    network = nn.Sequential(body, nn.Sequential(first, nn.Flatten(), nn.Dropout(), nn.Linear(features, 2)))
    with torch.no_grad():
        network[1][-1].weight.mul_(20)  # answers that differ from photo to photo
    return network.eval()


@pytest.mark.parametrize("arch", ["mobilenet_v3_small", "shufflenet_v2_x0_5", "convnext_atto"])
def test_a_run_of_an_earlier_version_answers_as_it_did(cli: Cli, tmp_path: Path, arch: str):
    import torch

    folder = runs.untrained(tmp_path)
    network = as_earlier_versions_built_it(arch)
    save_file(network.state_dict(), folder / "weights.safetensors")
    run = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**run, "arch": arch, "head": "linear"}))
    assert cli("export", "--name", "old").code == 0
    paths = sorted((tmp_path / "images").glob("*/*.jpg"))
    photos = np.stack([read(path, InputSpec(64)) for path in paths])
    with torch.no_grad():
        scaled = torch.from_numpy(photos).permute(0, 3, 1, 2).float() / 127.5 - 1
        right = network(scaled).softmax(dim=1).numpy()
    told = cli("predict", "--model", "old", "--json", *paths).data["predictions"]
    for row, expected in zip(told, right, strict=True):
        found = row["probabilities"]
        assert [found["circles"], found["stripes"]] == pytest.approx(expected.tolist(), abs=2e-3)
