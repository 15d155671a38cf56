"""VGG's convolutions as measures of likeness (Simonyan and Zisserman 2014, arXiv 1409.1556), in torchvision's key layout."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's, of colours in [0, 1]."""


class VGG(nn.Module):
    """The convolutions of VGG: blocks of 3x3 convolutions and ReLUs, each but the last followed by max pooling.

    (2, 2, 4, 4, 4) is VGG-19, (2, 2, 3, 3, 3) VGG-16. The layers behind the last ReLU are left out.
    """

    def __init__(self, blocks: Sequence[int] = (2, 2, 4, 4, 4), widths: Sequence[int] = (64, 128, 256, 512, 512)):
        super().__init__()
        layers: list[nn.Module] = []
        self.firsts: list[int] = []
        channels = 3
        for count, width in zip(blocks, widths, strict=True):
            if layers:
                layers.append(nn.MaxPool2d(2))
            self.firsts.append(len(layers) + 1)
            for _ in range(count):
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
        self.features = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> list[Tensor]:
        """What the first ReLU of each block says (relu1_1 .. relu5_1), of a picture in whatever range it is."""
        found = []
        for number, layer in enumerate(list(self.features)[: self.firsts[-1] + 1]):
            x = layer(x)
            if number in self.firsts:
                found.append(x)
        return found

    def maps(self, picture: Tensor) -> list[Tensor]:
        """The same of an sRGB picture in [-1, 1], which is normalised as for ImageNet."""
        mean, std = (picture.new_tensor(values)[:, None, None] for values in (MEAN, STD))
        return self((picture / 2 + 0.5 - mean) / std)


def vgg_arguments(state_dict: Mapping[str, Tensor]) -> dict[str, Any]:
    """The constructor arguments of `VGG` that made this state dict: where a number is left out, there was a pooling."""
    places = {int(match[1]): key for key in state_dict if (match := re.fullmatch(r"features\.(\d+)\.weight", key))}
    blocks, widths = [1], []
    for before, after in pairwise(sorted(places)):
        if after - before == 2:
            blocks[-1] += 1
        else:
            blocks.append(1)
            widths.append(state_dict[places[before]].shape[0])
    return {"blocks": blocks, "widths": [*widths, state_dict[places[max(places)]].shape[0]]}
