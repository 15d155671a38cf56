"""The residual block of Old Photos' and pix2pixHD's layouts: two reflected convolutions with instance norms."""

from __future__ import annotations

from torch import Tensor, nn

from restauro.networks.norms import Norm, norm_layer


class ReflectedBlock(nn.Module):
    """Reflect, conv 3 (dilated), instance norm, ReLU, reflect, conv 3, instance norm; plus the input.

    Nothing is activated behind the sum, and the norms learn nothing and keep no statistics. Sides must exceed `dilation`.
    """

    def __init__(self, channels: int, dilation: int = 1, norm: Norm = "instance"):
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(dilation),
            nn.Conv2d(channels, channels, 3, dilation=dilation),
            norm_layer(norm, channels),
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            norm_layer(norm, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv_block(x)
        return out.add_(x) if not out.requires_grad else out + x
