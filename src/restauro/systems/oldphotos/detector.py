"""Training the scratch detector (Wan et al. 2022, arXiv 2009.07047): where a photograph is destroyed, pixel by pixel."""

from __future__ import annotations

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

SCORED, HELD = 48, 2
"""Held-out pictures, and how many times they are enlarged before they are damaged."""
TOLERANCE = 2
"""Pixels by which a found scratch may lie beside the true one."""
THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7)


class DetectorObjective(Knobbed, frozen=True, kw_only=True):
    """A U-Net on grey pictures: class-balanced cross-entropy and 10 x focal loss.

    Marks grow with the picture, so it is enlarged before it is damaged, and cut into squares of its own size: large scans
    have wide scratches in smooth surroundings. Undamaged ones show what is no scratch.
    """

    width: Annotated[int, Knob("channels at full size, doubled with each level", ge=4)] = 12
    depth: Annotated[int, Knob("levels", ge=1, le=6)] = 3
    convs: Annotated[int, Knob("convolutions of a block", ge=1, le=4)] = 2
    focal: Annotated[float, Knob("weight of the focal loss", ge=0)] = 10.0
    gamma: Annotated[float, Knob("how little what is surely right counts in it", ge=0, le=10)] = 2.0
    chain: Chain = "old-photo"
    clean: Annotated[float, Knob("share of pictures without damage", ge=0, le=1)] = 0.15
    magnified: Annotated[int, Knob("how many times pictures are enlarged at most before they are damaged", ge=1, le=8)] = 3

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
        found: list[Tensor] = []
        for picture in pictures.split(1):
            if len(found) < len(pictures):
                both = self.scratched(enlarged(picture, int(rng.integers(1, self.magnified + 1))), rng)
                found += squares(torch.cat(both, 1), picture.shape[-1])
        return torch.cat(found)[: len(pictures)].split(1, 1)

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
        return balanced + self.focal * (wrong * (1 - (-wrong).exp()).pow(self.gamma)).mean()

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
        """All of them damaged, as photographs of a usual size are."""
        always = msgspec.structs.replace(self, clean=0.0)
        return always.scratched(enlarged(held.batch(np.arange(min(most, len(held)))), HELD), np.random.default_rng(7))

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


def enlarged(picture: Tensor, times: int) -> Tensor:
    return F.interpolate(picture, scale_factor=times, mode="bicubic", align_corners=False).clamp(-1, 1) if times > 1 else picture


def squares(picture: Tensor, side: int) -> list[Tensor]:
    """(1, C, n S, n S) cut into n^2 of (1, C, S, S)."""
    return [square for row in picture.split(side, 2) for square in row.split(side, 3)]


@torch.no_grad()
def probabilities(network: nn.Module, greys: Tensor) -> Tensor:
    return torch.cat([network(part).sigmoid() for part in greys.split(8)])
