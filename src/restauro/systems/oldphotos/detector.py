"""Training the scratch detector (Wan et al. 2022, arXiv 2009.07047): where a photograph is destroyed, pixel by pixel."""

from __future__ import annotations

import math
from typing import Annotated, Any

import msgspec
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restauro.core.knobs import Knob, Knobbed
from restauro.degradations.chains import degrade
from restauro.evaluation.marks import f1, found_and_true, precision_recall
from restauro.networks.scratch_detector import ScratchDetector
from restauro.photo.colour import LUMA
from restauro.systems.oldphotos.practice import Chain, links
from restauro.training.data import Pictures

SCORED, HELD = 64, 2
"""Held-out pictures, and how many a side are damaged as one."""
TOLERANCE = 2
"""Pixels by which a found scratch may lie beside the true one."""
THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7)


class DetectorObjective(Knobbed, frozen=True, kw_only=True):
    """A U-Net on grey pictures. Published: class-balanced cross-entropy and 10 x focal loss; ours adds Dice (Milletari et al.
    2016, arXiv 1606.04797), which the others do not lead to where so few pixels are scratched.

    Marks grow with the picture, so squares are laid together to larger ones before they are damaged, and taken apart again.
    Magnified ones show the smooth surroundings of large scans, undamaged ones what is no scratch.
    """

    width: Annotated[int, Knob("channels at full size, doubled with each level", ge=4)] = 12
    depth: Annotated[int, Knob("levels", ge=1, le=6)] = 3
    convs: Annotated[int, Knob("convolutions of a block", ge=1, le=4)] = 2
    focal: Annotated[float, Knob("weight of the focal loss; published: 10", ge=0)] = 1.0
    gamma: Annotated[float, Knob("how little what is surely right counts in it", ge=0, le=10)] = 2.0
    dice: Annotated[float, Knob("weight of the soft Dice loss, which is 1 - F1; published: none", ge=0)] = 2.0
    chain: Chain = "old-photo"
    clean: Annotated[float, Knob("share of pictures without damage", ge=0, le=1)] = 0.15
    magnified: Annotated[float, Knob("how many times half of the pictures are enlarged at most", ge=1, le=8)] = 3.0
    together: Annotated[int, Knob("most squares a side that are damaged as one picture, as a batch allows", ge=1, le=8)] = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        links(self.chain)

    def arguments(self) -> dict[str, Any]:
        return {"width": self.width, "depth": self.depth, "convs": self.convs}

    def build(self, data: Pictures) -> nn.Module:
        return ScratchDetector(**self.arguments())

    def weights(self, data: Pictures) -> np.ndarray:
        return np.ones(len(data))

    def prepare(self, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Grey pictures (N, 1, S, S) and their masks, 1 = scratched."""
        shown = torch.cat([magnify(one, self.magnified, rng) for one in pictures.split(1)])
        found = []
        while len(shown):
            sides = np.arange(1, min(self.together, math.isqrt(len(shown))) + 1)
            count = int(rng.choice(sides, p=sides**-2.0 / (sides**-2.0).sum()))  # as many squares of each kind
            found.append(squares(torch.cat(self.scratched(laid(shown[: count**2], count), rng), 1), count))
            shown = shown[count**2 :]
        return torch.cat(found).split(1, 1)

    def scratched(self, pictures: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        greys, masks = [], []
        for picture in pictures.split(1):
            if rng.random() >= self.clean:
                picture, told, _, _ = degrade(picture, links(self.chain), rng)
            else:
                told = None
            greys.append(grey(picture))
            masks.append(torch.zeros_like(greys[-1]) if told is None else (told > 0).to(picture))
        return torch.cat(greys), torch.cat(masks)

    def learn(self, network: nn.Module, prepared: tuple[Tensor, Tensor], rng: np.random.Generator) -> Tensor:
        return self.error(network(prepared[0]), prepared[1])

    def error(self, logits: Tensor, mask: Tensor) -> Tensor:
        """Scratched pixels count by the share of the others in their picture, and these by theirs: both kinds weigh the same."""
        wrong = F.binary_cross_entropy_with_logits(logits, mask, reduction="none")
        share = mask.mean((1, 2, 3), keepdim=True)
        balanced = (wrong * (mask * (1 - share) + (1 - mask) * share)).mean()
        likely = logits.sigmoid()
        alike = (2 * (likely * mask).sum() + 1) / (likely.sum() + mask.sum() + 1)  # of the batch: most pictures have few
        return balanced + self.focal * (wrong * (1 - (-wrong).exp()).pow(self.gamma)).mean() + self.dice * (1 - alike)

    def loss(self, network: nn.Module, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> Tensor:
        return self.learn(network, self.prepare(pictures, index, data, rng), rng)

    def scores(self, network: nn.Module, held: Pictures) -> dict[str, float]:
        """F1 at the best of a few thresholds, 2 px beside a scratch allowed; and what of clean pictures is taken for one."""
        greys, masks = self._held(held, SCORED)
        seen, false = probabilities(network, greys), probabilities(network, grey(held.batch(np.arange(min(SCORED, len(held))))))
        counts = {level: found_and_true(seen > level, masks > 0, TOLERANCE) for level in THRESHOLDS}
        best = max(counts, key=lambda level: f1(counts[level]))
        precision, recall = precision_recall(counts[best])
        scores = {"F1": f1(counts[best]), "threshold": best, "precision": precision, "recall": recall}
        return {**scores, "false alarms": float((false > best).float().mean())}

    def answers(self, network: nn.Module, held: Pictures) -> Tensor:
        """Damaged pictures, each beside what was found and what is true."""
        greys, masks = self._held(held, 8)
        sheets = torch.stack([greys, 2 * probabilities(network, greys) - 1, 2 * masks - 1], 1).flatten(0, 1)
        return sheets.expand(-1, 3, -1, -1)

    def _held(self, held: Pictures, most: int) -> tuple[Tensor, Tensor]:
        """All of them damaged."""
        always = msgspec.structs.replace(self, clean=0.0)
        pictures, rng = held.batch(np.arange(min(most, len(held)))), np.random.default_rng(7)
        both = [torch.cat(always.scratched(laid(part, HELD), rng), 1) for part in pictures.split(HELD**2)]
        return torch.cat([squares(one, HELD) for one in both]).split(1, 1)

    def shipped(self, network: nn.Module) -> nn.Module:
        return network

    def passport(self) -> dict[str, Any]:
        return {
            "what": "finds scratches, cracks and other places where an old photograph is destroyed",
            "kind": "scratch-detector",
            "architecture": "scratch-detector",
            "arguments": self.arguments(),
            "size": 0,
            "face_template": "",
        }


def grey(pictures: Tensor) -> Tensor:
    """(N, 3, H, W) to (N, 1, H, W): luma."""
    return (pictures * pictures.new_tensor(LUMA.tolist())[:, None, None]).sum(1, keepdim=True)


def magnify(picture: Tensor, most: float, rng: np.random.Generator) -> Tensor:
    """Half of the time a part of (1, 3, S, S), enlarged to its size."""
    if most == 1 or rng.random() < 0.5:
        return picture
    side = picture.shape[-1]
    part = max(8, round(side / float(rng.uniform(1, most))))
    top, left = (int(rng.integers(side - part + 1)) for _ in range(2))
    inside = picture[..., top : top + part, left : left + part]
    return F.interpolate(inside, (side, side), mode="bicubic", align_corners=False).clamp(-1, 1)


def laid(pictures: Tensor, count: int) -> Tensor:
    """(count^2, C, S, S) to (1, C, count S, count S), row by row; fewer stay as they are."""
    if len(pictures) < count**2:
        return pictures
    return torch.cat([torch.cat(list(row.split(1)), 3) for row in pictures.split(count)], 2)


def squares(picture: Tensor, count: int) -> Tensor:
    """The inverse of `laid`."""
    if len(picture) > 1:
        return picture
    return torch.cat([square for row in picture.chunk(count, 2) for square in row.chunk(count, 3)])


@torch.no_grad()
def probabilities(network: nn.Module, greys: Tensor) -> Tensor:
    return torch.cat([network(part).sigmoid() for part in greys.split(8)])
