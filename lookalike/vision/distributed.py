"""Several processes that train one network together, started by torchrun: on one machine or many, on GPUs or without.

Each has a share of every batch and the same weights. What one of them decides by looking at a clock or a loss, all
must do alike, or they wait for each other for ever: hence `share` and `any_of`. Alone, each of these does nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from fastai.callback.core import Callback
from torch import nn

LONGEST_WAIT = timedelta(hours=12)  # for the one that measures or writes

Value = TypeVar("Value")


def size() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """Which of them this is; 0 leads: it decides and writes."""
    return int(os.environ.get("RANK", "0"))


def local_rank() -> int:
    """Which of those on this machine this is."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def threads() -> int:
    """This process's share of the machine's cores: as many as OMP_NUM_THREADS says, as torch has it, or all.

    torchrun says 1 to each of its processes, whatever there is, so there it is not asked.
    """
    together = os.environ.get("LOCAL_WORLD_SIZE")
    if together is None and os.environ.get("OMP_NUM_THREADS", "").isdecimal():
        return max(1, int(os.environ["OMP_NUM_THREADS"]))
    return max(1, (os.cpu_count() or 1) // int(together or "1"))


@contextmanager
def joined(device: torch.device) -> Iterator[None]:
    """Together with the others, if there are any."""
    if size() == 1:
        yield
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=LONGEST_WAIT)
    yield
    dist.destroy_process_group()  # not after an error, when the others may wait for this one: the launcher ends them


def share(decide: Callable[[], Value]) -> Value:
    """What the leader decides; the others don't."""
    if size() == 1:
        return decide()
    told = [decide() if rank() == 0 else None]
    dist.broadcast_object_list(told, src=0)
    return told[0]  # type: ignore[return-value]


def any_of(happened: bool, device: torch.device) -> bool:
    """Whether it happened to any of the processes."""
    if size() == 1:
        return happened
    flag = torch.tensor(float(happened), device=device)
    dist.all_reduce(flag, dist.ReduceOp.MAX)
    return bool(flag)


def same_weights(network: nn.Module) -> None:
    """Give every process the leader's weights."""
    if size() > 1:
        for value in network.state_dict().values():
            dist.broadcast(value, src=0)


def alone(network: nn.Module) -> nn.Module:
    """The network itself, without what lets processes share its gradients."""
    return network.module if isinstance(network, nn.parallel.DistributedDataParallel) else network


class DDP(Callback):
    """Averages each step's gradients over the processes. Each of them measures on all held-back photos."""

    order = 11  # after fastai has put the network on its device

    def before_fit(self) -> None:
        ids = [self.dls.device.index] if self.dls.device.type == "cuda" else None
        # static: some networks have parameters that their features do not use
        self.learn.model = nn.parallel.DistributedDataParallel(self.model, device_ids=ids, static_graph=True)

    def after_fit(self) -> None:
        self.learn.model = alone(self.model)
