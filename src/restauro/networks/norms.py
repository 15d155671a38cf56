"""Norms of convolutional one-pass networks, and where a batch norm takes its statistics from once it is trained."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

Norm = Literal["batch", "instance", "none"]
Statistics = Literal["training", "picture"]
"""What a batch norm divides by in use: the averages of its training, or the picture's own mean and deviation, which is what a
network saw that was trained on batches of one picture."""


class BatchNorm(nn.BatchNorm2d):
    """Batch norm whose statistics, in use, may be those of each picture by itself (Isola et al. 2017, section 3.4)."""

    statistics: Statistics = "training"

    def forward(self, x: Tensor) -> Tensor:
        if self.statistics == "picture" and not self.training:
            return F.instance_norm(x, weight=self.weight, bias=self.bias, eps=self.eps)
        return super().forward(x)


def norm_layer(kind: Norm, channels: int, statistics: Statistics = "training") -> nn.Module:
    """The norm of a layer; instance norm learns nothing; "none" keeps its place among the layers.

    Raises ValueError for the picture's statistics of another norm than batch norm, which alone has others.
    """
    if statistics == "picture" and kind != "batch":
        raise ValueError(f"statistics of the picture are for batch norm, not for norm {kind!r}")
    if kind == "batch":
        layer = BatchNorm(channels)
        layer.statistics = statistics
        return layer
    return nn.InstanceNorm2d(channels) if kind == "instance" else nn.Identity()
