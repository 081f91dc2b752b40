"""A network's tensors by name: copied, and put back."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import torch
from torch import nn

State = dict[str, torch.Tensor]


def copied(network: nn.Module) -> State:
    """A copy that training on leaves alone."""
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def load(network: nn.Module, state: Mapping[str, torch.Tensor], *, strict: bool = True) -> None:
    """Copy tensors into a network; RuntimeError says which names or shapes don't agree.

    Layers may look up by which version of their names a state was written, and some refuse one that does not say so
    (mnasnet). Files and copies hold tensors only, named as the network here names them: so theirs is its own version.
    """
    told = OrderedDict(state)
    told._metadata = network.state_dict()._metadata  # type: ignore[attr-defined]  # where torch keeps the versions
    network.load_state_dict(told, strict)
