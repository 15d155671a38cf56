"""ArcFace's "improved" residual networks (Deng et al. 2019, arXiv 1801.07698; Duta et al. 2020, 2004.04989).

InsightFace's key layout. They turn an aligned face into a vector whose direction says who it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 14, 3), 100: (3, 13, 30, 3)}


class IBlock(nn.Module):
    """BN, conv, BN, PReLU, conv with the stride, BN, plus the input (through a 1x1 convolution where shapes differ)."""

    def __init__(self, channels: int, out_channels: int, stride: int = 1):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.prelu = nn.PReLU(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.downsample: nn.Module | None = None
        if stride != 1 or channels != out_channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        h = self.prelu(self.bn2(self.conv1(self.bn1(x))))
        return self.bn3(self.conv2(h)) + (x if self.downsample is None else self.downsample(x))


class IResNet(nn.Module):
    """(N, 3, size, size) RGB in [-1, 1], aligned to ArcFace's five points, to (N, embedding), not normalised.

    blocks: per stage, four stages, each of which halves the size. `IResNet(BLOCKS[50])` is iresnet50.
    """

    def __init__(
        self,
        blocks: Sequence[int],
        widths: Sequence[int] = (64, 128, 256, 512),
        embedding: int = 512,
        size: int = 112,
    ):
        super().__init__()
        self.size = size
        self.conv1 = nn.Conv2d(3, widths[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.prelu = nn.PReLU(widths[0])
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            _stage(widths[max(i - 1, 0)], widths[i], count) for i, count in enumerate(blocks)
        )
        self.bn2 = nn.BatchNorm2d(widths[3])
        self.fc = nn.Linear(widths[3] * math.ceil(size / 16) ** 2, embedding)
        self.features = nn.BatchNorm1d(embedding)

    def maps(self, picture: Tensor) -> list[Tensor]:
        """What the four stages say, of a picture of any size: at a half, a quarter, an eighth and a sixteenth of it."""
        found = [self.prelu(self.bn1(self.conv1(picture)))]
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            found.append(stage(found[-1]))
        return found[1:]

    def forward(self, x: Tensor) -> Tensor:
        return self.features(self.fc(self.bn2(self.maps(x)[-1]).flatten(1)))


def _stage(channels: int, out_channels: int, count: int) -> nn.Sequential:
    first = IBlock(channels, out_channels, stride=2)
    return nn.Sequential(first, *(IBlock(out_channels, out_channels) for _ in range(count - 1)))


def iresnet_arguments(state_dict: Mapping[str, Tensor]) -> dict[str, Any]:
    """The constructor arguments of `IResNet` that made this state dict. `KeyError` if this is none."""
    counts = [
        len({match[1] for key in state_dict if (match := re.match(rf"layer{stage}\.(\d+)\.conv1\.", key))})
        for stage in (1, 2, 3, 4)
    ]
    widths = [state_dict[f"layer{stage}.0.conv1.weight"].shape[0] for stage in (1, 2, 3, 4)]
    embedding, inputs = state_dict["fc.weight"].shape
    return {"blocks": counts, "widths": widths, "embedding": embedding, "size": 16 * math.isqrt(inputs // widths[3])}
