"""Several processes under `torchrun`, one device each: who I am, and what all of them must agree on.

Gradients are averaged after the backward pass by torch.distributed itself. DistributedDataParallel would do it during the pass,
but it wraps the network, and objectives call the network several times, in parts, or differentiate its gradient (the critic).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True)
class Ranks:
    """This process is number `rank` of `world`."""

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        return self.rank == 0

    @torch.no_grad()
    def average(self, tensors: Iterable[Tensor]) -> None:
        """Each becomes the mean of all ranks', in place; one message a dtype and device."""
        if self.world == 1:
            return
        groups: dict[tuple[torch.dtype, torch.device], list[Tensor]] = {}
        for tensor in tensors:
            if tensor.dtype.is_floating_point:
                groups.setdefault((tensor.dtype, tensor.device), []).append(tensor)
        for group in groups.values():
            flat = torch.cat([tensor.flatten() for tensor in group])
            dist.all_reduce(flat)
            parts = (flat / self.world).split([tensor.numel() for tensor in group])
            for tensor, part in zip(group, parts, strict=True):
                tensor.copy_(part.view_as(tensor))

    def agreed(self, value: float) -> float:
        """The first one's value: clocks differ, and all must stop after the same step."""
        if self.world == 1:
            return value
        told = torch.tensor([value], dtype=torch.float64)
        dist.broadcast(told, 0)
        return float(told)


@contextmanager
def joined() -> Iterator[Ranks]:
    """The process group that torchrun's environment describes; alone without one."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Ranks()
        return
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield Ranks(dist.get_rank(), world)
    finally:
        dist.destroy_process_group()


def is_first() -> bool:
    """Whether this process speaks and writes for all; known before the group is joined."""
    return os.environ.get("RANK", "0") == "0"
