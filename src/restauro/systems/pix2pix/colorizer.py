"""Training the colorizer: which colours a place of a grey photograph could have, rare ones counted more (Zhang et al. 2016)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restauro.core.knobs import Knob, Knobbed
from restauro.evaluation.metrics import chroma_error, colourfulness
from restauro.networks.colorizer import PATCH, Colorizer
from restauro.photo.colour import LUMA
from restauro.restorers.colour import FROM_CHROMA, SIDE, TO_CHROMA, colorized
from restauro.training.augment import mirror
from restauro.training.data import Pictures
from restauro.training.objective import torch_generator

COUNTED, SCORED = 512, 48


class Rebalanced(nn.Module):
    """The colorizer, and how much each of its bins counts while it learns (a buffer that is not shipped)."""

    def __init__(self, colorizer: Colorizer, worth: Tensor):
        super().__init__()
        self.colorizer = colorizer
        self.register_buffer("worth", worth)

    def forward(self, light: Tensor) -> Tensor:
        logits: Tensor = self.colorizer(light)
        return logits


class ColorizerObjective(Knobbed, frozen=True, kw_only=True):
    """Cross-entropy between the network's bins of chroma and the true colour, shared among the bins around it.

    A regression answers with the mean of all colours a thing could have, which is brown; a distribution can be asked for
    something livelier afterwards (`temperature`), and rare colours can count more than the grey that fills photographs: a
    bin's worth is 1 / ((1 - rebalance) its share + rebalance / bins), scaled to a mean of 1 (Zhang et al., equation 4).

    Grey photographs are no desaturated colour ones: part of the training's are darker or lighter, flatter, soft and grainy.
    """

    better: ClassVar[str] = "lower"

    width: Annotated[int, Knob("channels that `mult` multiplies", ge=8)] = 48
    mult: Annotated[tuple[float, ...], Knob("channels of each level over the width")] = (1, 1.5, 2)
    blocks: Annotated[tuple[int, ...], Knob("residual blocks of each level")] = (1, 2, 2)
    bins: Annotated[int, Knob("along an axis of the chroma plane; odd", ge=3, le=31)] = 13
    temperature: Annotated[float, Knob("in use: 1 the mean of what could be, dull; 0 the likeliest, patchy", ge=0, le=2)] = 0.5
    rebalance: Annotated[float, Knob("1: all bins count alike, 0: as often as they occur", ge=0, le=1)] = 0.5
    least: Annotated[float, Knob("smallest size at which a picture is shown, of its own", ge=0.25, le=1)] = 0.75
    old: Annotated[float, Knob("share of pictures whose tones are changed and that are made soft or grainy", ge=0, le=1)] = 0.5
    faces: Annotated[float, Knob("share of draws for pictures with landmarks of a face, if there are others", ge=0, le=1)] = 0.3
    side: Annotated[int, Knob("photographs are reduced to the pixels of such a square", ge=32, le=512, unit="px")] = SIDE

    def arguments(self) -> dict[str, Any]:
        told = {"width": self.width, "mult": self.mult, "blocks": self.blocks, "bins": self.bins}
        return {**told, "temperature": self.temperature}

    def build(self, data: Pictures) -> nn.Module:
        network = Colorizer(**self.arguments())
        index = np.linspace(0, len(data) - 1, min(COUNTED, len(data))).astype(int)
        places = self.weights(data)[index]
        found = [network.shares(_coarse(chroma_of(data.batch(index[i : i + 1])))).mean((0, 2, 3)) for i in range(len(index))]
        shares = torch.from_numpy(places / places.sum()).float() @ torch.stack(found)
        worth = 1 / ((1 - self.rebalance) * shares + max(self.rebalance, 1e-3) / network.bins**2)
        return Rebalanced(network, worth / (worth * shares).sum())

    def weights(self, data: Pictures) -> np.ndarray:
        """So that faces are drawn as often as they should be."""
        seen = np.array([bool(record.get("lm")) for record in data.records])
        if seen.all() or not seen.any():
            return np.ones(len(data))
        return np.maximum(np.where(seen, self.faces / seen.sum(), (1 - self.faces) / (~seen).sum()), 1e-12)

    def loss(self, network: nn.Module, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> Tensor:
        return self.learn(network, self.prepare(pictures, index, data, rng), rng)

    def prepare(self, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Grey pictures (N, 1, S, S), all of one size, and the chroma (N, 2, S/4, S/4) they had."""
        many = PATCH * 2 ** (len(self.mult) - 1)
        side = round(pictures.shape[-1] * rng.uniform(self.least, 1) / many) * many
        shown = F.interpolate(mirror(pictures, rng, 0.5), (side, side), mode="bilinear", antialias=True, align_corners=False)
        return aged(luma_of(shown), rng, self.old), _coarse(chroma_of(shown))

    def learn(self, network: nn.Module, prepared: tuple[Tensor, ...], rng: np.random.Generator) -> Tensor:
        """The mean cross-entropy, each place by the worth of its colour."""
        light, chroma = prepared
        logits = network(light.contiguous(memory_format=torch.channels_last))
        wanted = self.shipped(network).shares(chroma)  # type: ignore[operator]
        worth = torch.einsum("nqhw,q->nhw", wanted, network.get_buffer("worth").to(wanted))
        return -(worth * (wanted * logits.log_softmax(1)).sum(1)).sum() / worth.sum()

    def scores(self, network: nn.Module, held: Pictures) -> dict[str, float]:
        """Chroma error in Lab and difference in colourfulness; beside them, with one colour for all and without any.

        The one colour is the mean of the held-out pictures themselves, which no network knows.
        """
        pictures = held.batch(np.linspace(0, len(held) - 1, min(SCORED, len(held))).astype(int))
        grey = luma_of(pictures).expand(-1, 3, -1, -1)
        mean = chroma_of(pictures).mean((0, 2, 3)).numpy() @ FROM_CHROMA
        ways = {"": _answers(self.shipped(network), grey, self.side), ", one colour": _one(grey, mean), ", grey": grey}
        found = {f"chroma error{way}": float(chroma_error(answer, pictures).mean()) for way, answer in ways.items()}
        true = colourfulness(pictures)
        return found | {
            f"colourfulness off{way}": float((colourfulness(answer) - true).abs().mean()) for way, answer in ways.items()
        }

    def answers(self, network: nn.Module, held: Pictures) -> Tensor:
        """Of three held-out pictures each what is shown, what the network answers, and how it was."""
        pictures = held.batch(np.arange(min(3, len(held))))
        grey = luma_of(pictures).expand(-1, 3, -1, -1)
        return torch.stack([grey, _answers(self.shipped(network), grey, self.side), pictures], 1).flatten(0, 1)

    def shipped(self, network: nn.Module) -> nn.Module:
        return network.get_submodule("colorizer")

    def passport(self) -> dict[str, Any]:
        return {
            "what": "colours for grey photographs: chroma from luma, small; edges and luma are the photograph's own",
            "kind": "colorizer",
            "architecture": "colorizer",
            "arguments": self.arguments(),
            "size": self.side,
            "face_template": "",
        }


def luma_of(pictures: Tensor) -> Tensor:
    """(N, 3, H, W) in [-1, 1] to (N, 1, H, W)."""
    return (pictures * pictures.new_tensor(LUMA)[:, None, None]).sum(1, keepdim=True)


def chroma_of(pictures: Tensor) -> Tensor:
    """(N, 3, H, W) in [-1, 1] to (N, 2, H, W) in [-1, 1]."""
    return torch.einsum("nchw,kc->nkhw", pictures / 2, pictures.new_tensor(TO_CHROMA))


def aged(light: Tensor, rng: np.random.Generator, share: float) -> Tensor:
    """(N, 1, H, W) in [-1, 1], a share of them with other tones, softer or with grain."""
    n = len(light)
    chosen = torch.from_numpy(rng.random(n) < share)[:, None, None, None]
    gamma, low, range_, grain = (
        torch.from_numpy(rng.uniform(*span, n)).float()[:, None, None, None]
        for span in ((0.6, 1.6), (0.0, 0.15), (0.65, 1.0), (0.0, 0.05))
    )
    tones = 2 * (low + (1 - low) * range_ * ((light + 1) / 2).clamp_min(0) ** gamma) - 1
    soft = F.avg_pool2d(F.pad(tones, (1, 1, 1, 1), mode="replicate"), 3, 1)
    tones = torch.where(torch.from_numpy(rng.random(n) < 0.3)[:, None, None, None], soft, tones)
    noise = torch.randn(light.shape, generator=torch_generator(rng))
    return torch.where(chosen, (tones + 2 * grain * noise).clamp(-1, 1), light)


def _coarse(chroma: Tensor) -> Tensor:
    return F.avg_pool2d(chroma, PATCH)


def _one(grey: Tensor, added: np.ndarray) -> Tensor:
    """All of one chroma, added in R, G, B of [0, 1]."""
    return (grey + 2 * grey.new_tensor(added)[:, None, None]).clamp(-1, 1)


def _answers(network: nn.Module, grey: Tensor, side: int) -> Tensor:
    found = [colorized(((one.permute(1, 2, 0) + 1) / 2).cpu().numpy(), network, side) for one in grey]
    return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2) * 2 - 1
