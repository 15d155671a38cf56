"""PatchGAN: a discriminator that judges overlapping patches (Isola et al. 2017, arXiv 1611.07004), in pix2pix's key layout."""

from __future__ import annotations

from torch import Tensor, nn

from restauro.networks.norms import Norm

MAX_MULT = 8
"""No layer is wider than this many times the first."""


class PatchGAN(nn.Module):
    """(N, in_channels, H, W) to (N, 1, h, w) logits, one for each patch: above 0 means real.

    layers: convolutions that halve the size. The receptive field of 1, 3, 5 layers is 16, 70, 286 pixels; pictures need
    sides of at least 8, 32, 128. width: channels of the first layer, doubled in each up to eightfold. norm: behind all
    convolutions but the first and the last; "none" for a gradient penalty, which no statistics of a batch may enter.
    """

    def __init__(self, in_channels: int = 3, width: int = 64, layers: int = 3, norm: Norm = "batch"):
        super().__init__()
        widths = [width * min(2**i, MAX_MULT) for i in range(layers + 1)]
        parts: list[nn.Module] = [nn.Conv2d(in_channels, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for i in range(layers):
            stride = 2 if i < layers - 1 else 1
            parts.append(nn.Conv2d(widths[i], widths[i + 1], 4, stride, 1, bias=norm != "batch"))
            if norm != "none":
                parts.append(nn.BatchNorm2d(widths[i + 1]) if norm == "batch" else nn.InstanceNorm2d(widths[i + 1]))
            parts.append(nn.LeakyReLU(0.2))
        self.model = nn.Sequential(*parts, nn.Conv2d(widths[-1], 1, 4, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.model(x)
        return logits

    def maps(self, x: Tensor) -> list[Tensor]:
        """What each layer but the last sees, behind its activation."""
        seen = []
        for part in self.model:
            x = part(x)
            if isinstance(part, nn.LeakyReLU):
                seen.append(x)
        return seen

    def score(self, x: Tensor) -> Tensor:
        """(N,) the mean logit of a picture's patches."""
        return self(x).mean((1, 2, 3))


def receptive_field(layers: int) -> int:
    """Side in pixels of the patch that a logit judges: 70 for three layers; 1 for none, which is `PixelGAN`."""
    return 9 * 2**layers - 2 if layers else 1
