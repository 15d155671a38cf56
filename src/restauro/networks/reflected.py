"""What Old Photos' and pix2pixHD's layouts are built of: instance norms and residual blocks of reflected convolutions."""

from __future__ import annotations

from torch import Tensor, nn


def instance_norm(channels: int, norm: bool) -> nn.Module:
    """Published networks norm each picture, and so do not see how light it is or how much contrast it has: ours do not norm."""
    return nn.InstanceNorm2d(channels) if norm else nn.Identity()


class ReflectedBlock(nn.Module):
    """Reflect, conv 3 (dilated), instance norm, ReLU, reflect, conv 3, instance norm; plus the input.

    Nothing is activated behind the sum, and the norms learn nothing and keep no statistics. Sides must exceed `dilation`.
    norm: False leaves them out.
    """

    def __init__(self, channels: int, dilation: int = 1, norm: bool = True):
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(dilation),
            nn.Conv2d(channels, channels, 3, dilation=dilation),
            instance_norm(channels, norm),
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            instance_norm(channels, norm),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv_block(x)
        return out.add_(x) if not out.requires_grad else out + x
