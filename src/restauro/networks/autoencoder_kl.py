"""The autoencoder of latent diffusion (Rombach et al. 2022, arXiv 2112.10752, appendix G), in its authors' key layout.

vae = AutoencoderKL()                        # as in Stable Diffusion: latents of 4 channels at an eighth of the size
mean, logvar = vae.encode(picture)           # (N, 3, H, W) in [-1, 1] to (N, latent, H / 8, W / 8) twice
latent = vae.scale * mean                    # what the prior knows: of about unit variance
picture = vae.decode(latent / vae.scale)     # to [-1, 1], unclamped
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restauro.networks.blocks import Norm, Upsample

EPS = 1e-6


class ResnetBlock(nn.Module):
    """Twice norm, SiLU and convolution; plus the input."""

    def __init__(self, channels: int, out_channels: int, groups: int):
        super().__init__()
        self.norm1 = Norm(channels, groups, EPS)
        self.conv1 = nn.Conv2d(channels, out_channels, 3, padding=1)
        self.norm2 = Norm(out_channels, groups, EPS)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        if channels != out_channels:
            self.nin_shortcut = nn.Conv2d(channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv2(F.silu(self.norm2(self.conv1(F.silu(self.norm1(x))))))
        return h + (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x)


class AttnBlock(nn.Module):
    """Self-attention over all places, with one head; plus the input."""

    def __init__(self, channels: int, groups: int):
        super().__init__()
        self.norm = Norm(channels, groups, EPS)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(channels, channels, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        seen = self.norm(x)
        asked = (conv(seen).flatten(2).transpose(1, 2) for conv in (self.q, self.k, self.v))
        # heads, and numbers of a place side by side: without them torch writes down who looks at whom, 1 GB for a megapixel
        q, k, v = (one[:, None].contiguous() for one in asked)
        h = F.scaled_dot_product_attention(q, k, v)[:, 0]
        return x + self.proj_out(h.transpose(1, 2).reshape(x.shape))


class Halved(nn.Module):
    """Half the size by a strided convolution, with a row of zeros at the right and the bottom."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Level(nn.Module):
    """The residual blocks of one size, and the way to the next where there is one."""

    def __init__(self, channels: int, width: int, blocks: int, groups: int, resample: Literal["up", "down"] | None):
        super().__init__()
        self.block = nn.ModuleList(ResnetBlock(channels if i == 0 else width, width, groups) for i in range(blocks))
        if resample == "down":
            self.downsample = Halved(width)
        elif resample == "up":
            self.upsample = Upsample(width, learned=True)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.block:
            x = block(x)
        if hasattr(self, "downsample"):
            return self.downsample(x)
        return self.upsample(x) if hasattr(self, "upsample") else x


class Middle(nn.Module):
    def __init__(self, channels: int, groups: int, attention: bool):
        super().__init__()
        self.block_1 = ResnetBlock(channels, channels, groups)
        self.attn_1 = AttnBlock(channels, groups) if attention else nn.Identity()
        self.block_2 = ResnetBlock(channels, channels, groups)

    def forward(self, x: Tensor) -> Tensor:
        return self.block_2(self.attn_1(self.block_1(x)))


class Encoder(nn.Module):
    def __init__(self, latent: int, widths: Sequence[int], blocks: int, groups: int, attention: bool, space_to_depth: int):
        super().__init__()
        self.space_to_depth = space_to_depth
        self.conv_in = nn.Conv2d(3 * space_to_depth**2, widths[0], 3, padding=1)
        self.down = nn.ModuleList()
        for before, width in pairwise([widths[0], *widths]):
            last = len(self.down) == len(widths) - 1
            self.down.append(Level(before, width, blocks, groups, None if last else "down"))
        self.mid = Middle(widths[-1], groups, attention)
        self.norm_out = Norm(widths[-1], groups, EPS)
        self.conv_out = nn.Conv2d(widths[-1], 2 * latent, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv_in(F.pixel_unshuffle(x, self.space_to_depth) if self.space_to_depth > 1 else x)
        for level in self.down:
            h = level(h)
        moments: Tensor = self.conv_out(F.silu(self.norm_out(self.mid(h))))
        return moments


class Decoder(nn.Module):
    """Its levels are numbered as the encoder's: the last comes first."""

    def __init__(self, latent: int, widths: Sequence[int], blocks: int, groups: int, attention: bool, space_to_depth: int):
        super().__init__()
        self.space_to_depth = space_to_depth
        self.conv_in = nn.Conv2d(latent, widths[-1], 3, padding=1)
        self.mid = Middle(widths[-1], groups, attention)
        self.up = nn.ModuleList()
        for width, before in pairwise([*widths, widths[-1]]):
            self.up.append(Level(before, width, blocks + 1, groups, "up" if len(self.up) else None))
        self.norm_out = Norm(widths[0], groups, EPS)
        self.conv_out = nn.Conv2d(widths[0], 3 * space_to_depth**2, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        h = self.mid(self.conv_in(z))
        for level in reversed(self.up):
            h = level(h)
        picture: Tensor = self.conv_out(F.silu(self.norm_out(h)))
        return F.pixel_shuffle(picture, self.space_to_depth) if self.space_to_depth > 1 else picture


class AutoencoderKL(nn.Module):
    """Pictures whose sides are multiples of `multiple` to the normal distribution of their latents, and back.

    latent: channels of the latents. width: channels of the first level. channel_mult: those of each level over `width`; each
    but the last halves the size. scale: what makes the latents' variance about one, for those who use them; None: it is measured
    in training (`measure`) and kept among the weights. attention: in the middle. space_to_depth: each such block of pixels is one
    place of the first level.
    """

    scale: float | Tensor

    def __init__(
        self,
        latent: int = 4,
        width: int = 128,
        channel_mult: Sequence[float] = (1, 2, 4, 4),
        num_res_blocks: int = 2,
        groups: int = 32,
        scale: float | None = 0.18215,
        attention: bool = True,
        space_to_depth: int = 1,
    ):
        super().__init__()
        if scale is None:
            self.register_buffer("scale", torch.ones(()))
        else:
            self.scale = scale
        widths = [round(m * width) for m in channel_mult]
        self.latent, self.multiple = latent, space_to_depth * 2 ** (len(widths) - 1)
        self.encoder = Encoder(latent, widths, num_res_blocks, groups, attention, space_to_depth)
        self.decoder = Decoder(latent, widths, num_res_blocks, groups, attention, space_to_depth)
        self.quant_conv = nn.Conv2d(2 * latent, 2 * latent, 1)
        self.post_quant_conv = nn.Conv2d(latent, latent, 1)

    def encode(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance, the latter in [-30, 20]; the mean is also the mode."""
        mean, logvar = self.quant_conv(self.encoder(picture)).chunk(2, 1)
        return mean, logvar.clamp(-30, 20)

    def decode(self, latent: Tensor) -> Tensor:
        picture: Tensor = self.decoder(self.post_quant_conv(latent))
        return picture

    @torch.no_grad()
    def measure(self, mean: Tensor, share: float) -> None:
        """Move a measured scale by a share towards what these latents, as `encode` gives them, ask for."""
        assert isinstance(self.scale, Tensor)
        self.scale.lerp_(1 / mean.std().clamp_min(1e-6), share)

    def forward(self, picture: Tensor, noise: Tensor) -> Tensor:
        """The picture again, from a latent drawn with noise (N, latent, H / multiple, W / multiple) of N(0, 1)."""
        mean, logvar = self.encode(picture)
        return self.decode(mean + (0.5 * logvar).exp() * noise)


def autoencoder_arguments(state_dict: Mapping[str, Tensor]) -> dict[str, Any]:
    """The constructor arguments of `AutoencoderKL` that made this state dict. `KeyError` if this is none.

    Not in the shapes and therefore conventional: the groups, and Stable Diffusion's scale where it is not among the weights.
    """
    places = [re.match(r"encoder\.down\.(\d{1,2})\.block\.(\d{1,2})\.conv1\.weight", key) for key in state_dict]
    levels = 1 + max(int(place[1]) for place in places if place)
    widths = [state_dict[f"encoder.down.{level}.block.0.conv1.weight"].shape[0] for level in range(levels)]
    width = state_dict["encoder.conv_in.weight"].shape[0]
    found = {
        "latent": state_dict["post_quant_conv.weight"].shape[0],
        "width": width,
        "channel_mult": [one // width if one % width == 0 else one / width for one in widths],
        "num_res_blocks": 1 + max(int(place[2]) for place in places if place),
        "attention": "encoder.mid.attn_1.q.weight" in state_dict,
        "space_to_depth": math.isqrt(state_dict["encoder.conv_in.weight"].shape[1] // 3),
    }
    return {**found, "scale": None} if "scale" in state_dict else found
