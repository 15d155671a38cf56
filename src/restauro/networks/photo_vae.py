"""The VAE of Bringing Old Photos Back to Life (Wan et al. 2020, arXiv 2004.09484), in its authors' key layout.

vae = PhotoVAE(width=64, latent=64)         # as published: latents of 64 channels at a quarter of the size
latent = vae.encode(picture)                # (N, 3, H, W) in [-1, 1] to (N, latent, H / 4, W / 4): the mean, unbounded
picture = vae.decode(latent)                # to [-1, 1]; training adds noise: vae(picture, noise), noise N(0, 1)
"""

from __future__ import annotations

from torch import Tensor, nn

from restauro.networks.norms import Norm, norm_layer
from restauro.networks.reflected import ReflectedBlock


class PhotoVAE(nn.Module):
    """Encoder and decoder around latents whose variance is fixed to one: z = h + noise in training, z = h in use.

    width: channels behind the first convolution, doubled with each stride up to `latent`. latent: channels of the latents (the
    authors' mc). strides: how often the size is halved. bare: how many of the first strides have no residual blocks; each later
    one has two. deep: the last stride has one residual block, where otherwise two follow it (the authors' spatio_size 32, and
    64). kernel: of the strided convolutions, 3 or 4. bottleneck: channels of the latents where they are reduced by a 1x1
    convolution; 0: not. norm: instance norms behind the convolutions, as published. The sides of pictures should be multiples
    of 2^strides; what is over is cut off.

    Raises ValueError for widths that do not meet: `latent` above width 2^strides.
    """

    def __init__(
        self,
        width: int = 64,
        latent: int = 64,
        strides: int = 2,
        bare: int = 1,
        deep: bool = False,
        kernel: int = 4,
        bottleneck: int = 0,
        norm: Norm = "instance",
    ):
        super().__init__()
        if latent > width * 2**strides:
            raise ValueError(f"{strides} strides reach {width * 2**strides} channels from {width}, not {latent}")
        self.multiple, self.latent = 2**strides, bottleneck or latent
        widths = [min(width * 2**i, latent) for i in range(strides + 1)]
        blocks = [0 if i < bare else 2 for i in range(strides)]
        tail = 2
        if deep:
            blocks[-1], tail = 0, 1

        down: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(3, widths[0], 7), *_norm(widths[0], norm)]
        up: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(widths[0], 3, 7), nn.Tanh()]
        for one, other, count in zip(widths[:-1], widths[1:], blocks, strict=True):
            down += [nn.Conv2d(one, other, kernel, 2, 1), *_norm(other, norm), *_blocks(other, count, norm)]
            enlarged = nn.ConvTranspose2d(other, one, kernel, 2, 1, output_padding=kernel % 2)
            up = [*_blocks(other, count, norm), enlarged, *_norm(one, norm), *up]
        down, up = [*down, *_blocks(latent, tail, norm)], [*_blocks(latent, tail, norm), *up]
        if bottleneck:
            down, up = [*down, nn.Conv2d(latent, bottleneck, 1)], [nn.Conv2d(bottleneck, latent, 1), *up]
        self.encoder, self.decoder = nn.Sequential(*down), nn.Sequential(*up)

    def encode(self, picture: Tensor) -> Tensor:
        latent: Tensor = self.encoder(picture)
        return latent

    def decode(self, latent: Tensor) -> Tensor:
        picture: Tensor = self.decoder(latent)
        return picture

    def forward(self, picture: Tensor, noise: Tensor | None = None) -> Tensor:
        latent = self.encode(picture)
        return self.decode(latent if noise is None else latent + noise)


def _norm(channels: int, norm: Norm) -> list[nn.Module]:
    return [norm_layer(norm, channels), nn.ReLU(inplace=True)]


def _blocks(channels: int, count: int, norm: Norm) -> list[nn.Module]:
    return [ReflectedBlock(channels, norm=norm) for _ in range(count)]
