"""The discriminator whose patch is one pixel (Isola et al. 2017, section 4.4), in pix2pix's key layout."""

from __future__ import annotations

from torch import Tensor, nn

from restauro.networks.norms import Norm, norm_layer


class PixelGAN(nn.Module):
    """(N, in_channels, H, W) to (N, 1, H, W) logits: it judges colours alone."""

    def __init__(self, in_channels: int = 3, width: int = 64, norm: Norm = "batch"):
        super().__init__()
        bias = norm != "batch"
        self.net = nn.Sequential(
            nn.Conv2d(in_channels, width, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 1, bias=bias),
            norm_layer(norm, 2 * width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 1, 1, bias=bias),
        )

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.net(x)
        return logits
