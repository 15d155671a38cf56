"""The U-Net of the diffusion field: OpenAI's key layout, every published variant, with or without a time embedding.

One class serves Ho et al.'s published models, improved/guided diffusion, the FFHQ priors of DifFace and PGDiff, Stable
Diffusion's of latents, and our own small priors and restorers. Structure after Ho et al. 2020 (arXiv 2006.11239), Nichol &
Dhariwal 2021 (2102.09672), Dhariwal & Nichol 2021 (2105.05233) and Rombach et al. 2022 (2112.10752).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restauro.networks.blocks import (
    NORMS,
    Attention,
    Downsample,
    ResBlock,
    SpatialTransformer,
    Stage,
    Upsample,
    timestep_embedding,
)


class UNet(nn.Module):
    """(N, in_channels, H, W) to (N, out_channels, H, W); H and W are multiples of `self.multiple`.

    channel_mult: width of each level over `model_channels`. num_res_blocks: for all levels or one number per level.
    attention: the levels with attention, as downsampling factors 1, 2, 4, ... counted from the first level (that is,
    after `space_to_depth`). num_head_channels, where given, wins over num_heads and num_heads_upsample (the decoder's).
    resblock_updown: resample inside residual blocks; else conv_resample says whether resampling is learned.
    space_to_depth s: each s x s block of pixels becomes one place on the way in and a block again on the way out;
    in_channels and out_channels still count the channels of a pixel. time_embedding False: `forward(x)` alone.
    skip_scale: factor of every residual block's sum (1/sqrt 2 in Song et al. 2021, 2011.13456). norm: "pixel" and no attention
    (middle_attention False) make what is answered at a place depend on its surroundings only.
    time_scale: of what is told, before its sinusoids: levels in 0..1 need about 5000 (WaveGrad, 2009.00713).
    sines_first, frequency_shift: of these sinusoids (`timestep_embedding`). eps: of the norms. padding: of the strided
    convolutions, both sides alike or TensorFlow's SAME. Ho et al. have True, 1, 1e-6 and "same" where OpenAI has the defaults.
    conditions: how many numbers describe a picture beside its class (EDM's augmentation, 2206.00364); zeros say nothing.
    context: the width of the tokens, of a prompt for one, that attention looks at too: it is done by transformers then, where
    qkv_order and eps do not apply; 0: there are none.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        model_channels: int,
        channel_mult: Sequence[float],
        num_res_blocks: int | Sequence[int],
        attention: Collection[int] = (),
        num_heads: int = 1,
        num_head_channels: int | None = None,
        num_heads_upsample: int | None = None,
        scale_shift: bool = True,
        resblock_updown: bool = False,
        conv_resample: bool = True,
        new_attention_order: bool = False,
        num_classes: int | None = None,
        conditions: int = 0,
        dropout: float = 0.0,
        groups: int = 32,
        zero_init: bool = True,
        time_embedding: bool = True,
        space_to_depth: int = 1,
        skip_scale: float = 1.0,
        norm: Literal["group", "pixel"] = "group",
        middle_attention: bool = True,
        time_scale: float = 1.0,
        sines_first: bool = False,
        frequency_shift: int = 0,
        eps: float = 1e-5,
        padding: Literal["both", "same"] = "both",
        context: int = 0,
    ):
        super().__init__()
        levels = len(channel_mult)
        blocks = [num_res_blocks] * levels if isinstance(num_res_blocks, int) else list(num_res_blocks)
        if len(blocks) != levels:
            raise ValueError(f"{levels} levels need {levels} block counts, not {len(blocks)}")
        if (num_classes or conditions) and not time_embedding:
            raise ValueError("classes and conditions enter through the time embedding: time_embedding must be True")
        self.model_channels, self.space_to_depth, self.time_scale = model_channels, space_to_depth, time_scale
        self.sines_first, self.frequency_shift = sines_first, frequency_shift
        self.multiple = space_to_depth * 2 ** (levels - 1)
        embedding = 4 * model_channels if time_embedding else 0
        if time_embedding:
            self.time_embed = nn.Sequential(nn.Linear(model_channels, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        if num_classes:
            self.label_emb = nn.Embedding(num_classes, embedding)
        if conditions:
            self.condition_emb = nn.Linear(conditions, embedding, bias=False)

        def res(channels: int, out: int, resample: Literal["up", "down"] | None = None) -> ResBlock:
            return ResBlock(channels, out, embedding, groups, dropout, scale_shift, resample, skip_scale, norm, eps)

        def attend(channels: int, heads: int) -> nn.Module:
            if context:
                return SpatialTransformer(channels, heads, num_head_channels, context, groups)
            return Attention(channels, heads, num_head_channels, new_attention_order, groups, eps)

        widths = [round(m * model_channels) for m in channel_mult]
        width = widths[0]
        self.input_blocks = nn.ModuleList([Stage(nn.Conv2d(in_channels * space_to_depth**2, width, 3, padding=1))])
        skips = [width]
        for level in range(levels):
            for _ in range(blocks[level]):
                layers: list[nn.Module] = [res(width, widths[level])]
                width = widths[level]
                if 2**level in attention:
                    layers.append(attend(width, num_heads))
                self.input_blocks.append(Stage(*layers))
                skips.append(width)
            if level < levels - 1:
                down = res(width, width, "down") if resblock_updown else Downsample(width, conv_resample, padding)
                self.input_blocks.append(Stage(down))
                skips.append(width)

        first = res(width, width)  # made in their order: a seed's initial weights depend on it
        middle = [attend(width, num_heads)] if middle_attention else []
        self.middle_block = Stage(first, *middle, res(width, width))

        self.skips = tuple(skips)
        self.output_blocks = nn.ModuleList()
        for level in reversed(range(levels)):
            for block in range(blocks[level] + 1):
                layers = [res(width + skips.pop(), widths[level])]
                width = widths[level]
                if 2**level in attention:
                    layers.append(attend(width, num_heads_upsample or num_heads))
                if level and block == blocks[level]:
                    layers.append(res(width, width, "up") if resblock_updown else Upsample(width, conv_resample))
                self.output_blocks.append(Stage(*layers))

        self.out = nn.Sequential(
            NORMS[norm](width, groups, eps), nn.SiLU(), nn.Conv2d(width, out_channels * space_to_depth**2, 3, padding=1)
        )
        if zero_init:
            self._zero_last_layers()

    def _zero_last_layers(self) -> None:
        """Every block starts as the identity and the network as zero."""
        ends = [m.out_layers[-1] for m in self.modules() if isinstance(m, ResBlock)]
        ends += [m.proj_out for m in self.modules() if isinstance(m, Attention | SpatialTransformer)]
        for module in [*ends, self.out[-1]]:
            for parameter in module.parameters():
                nn.init.zeros_(parameter)

    def forward(
        self,
        x: Tensor,
        timesteps: Tensor | None = None,
        classes: Tensor | None = None,
        conditions: Tensor | None = None,
        context: Tensor | None = None,
        control: Sequence[Tensor] = (),
    ) -> Tensor:
        """timesteps: (N,), integers or fractions, on the scale of the training schedule. classes: (N,) integers.

        conditions: (N or 1, number of conditions); absent, they are zero. context: (N, tokens, context). control: what is added
        to what each input block gives to its output block and, as the last, to the middle (networks/ircontrolnet.py).
        """
        embedding = self._embed(timesteps, classes, conditions)
        h, skips = self._encode(x, embedding, context)
        if control:
            h, skips = h + control[-1], [skip + more for skip, more in zip(skips, control[:-1], strict=True)]
        for stage in self.output_blocks:
            h = stage(torch.cat([h, skips.pop()], 1), embedding, context)
        h = self.out(h)
        return F.pixel_shuffle(h, self.space_to_depth) if self.space_to_depth > 1 else h

    def _encode(self, x: Tensor, embedding: Tensor | None, context: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        """What the middle says, and what each input block does."""
        h = F.pixel_unshuffle(x, self.space_to_depth) if self.space_to_depth > 1 else x
        skips = []
        for stage in self.input_blocks:
            h = stage(h, embedding, context)
            skips.append(h)
        return self.middle_block(h, embedding, context), skips

    def _embed(self, timesteps: Tensor | None, classes: Tensor | None, conditions: Tensor | None) -> Tensor | None:
        if not hasattr(self, "time_embed"):
            return None
        assert timesteps is not None, "this network needs timesteps"
        first: Tensor = self.time_embed[0].weight  # type: ignore[assignment]
        waves = timestep_embedding(timesteps * self.time_scale, self.model_channels, self.sines_first, self.frequency_shift)
        embedding: Tensor = self.time_embed(waves.to(first.dtype))
        if hasattr(self, "label_emb"):
            assert classes is not None, "this network needs classes"
            embedding = embedding + self.label_emb(classes)
        if hasattr(self, "condition_emb") and conditions is not None:
            embedding = embedding + self.condition_emb(conditions.to(first.dtype))
        return embedding


class SuperResUNet(UNet):
    """A U-Net that also sees a small picture: enlarged bilinearly to the size of x and put behind its channels.

    in_channels counts both pictures. low_res: (N, C, h, w).
    """

    def forward(  # type: ignore[override]
        self, x: Tensor, timesteps: Tensor, low_res: Tensor, classes: Tensor | None = None
    ) -> Tensor:
        enlarged = F.interpolate(low_res, x.shape[-2:], mode="bilinear")
        return super().forward(torch.cat([x, enlarged], 1), timesteps, classes)


def unet_arguments(state_dict: Mapping[str, Tensor]) -> dict[str, Any]:
    """The constructor arguments of `UNet` that made this state dict, read off its keys and shapes.

    Not in the shapes and therefore conventional, OpenAI's: heads of 64 channels, legacy order, 32 groups, padding, epsilon and
    embedding; answers of 3 or, with a learned variance, 6 channels (a last convolution of 3 s^2 or 6 s^2 channels means
    space_to_depth s). `KeyError` if this is no U-Net.
    """
    first, last = state_dict["input_blocks.0.0.weight"].shape, state_dict["out.2.weight"].shape
    s = next((s for s in (1, 2, 4, 8) if last[0] in (3 * s * s, 6 * s * s) and first[1] % (s * s) == 0), 1)
    sides = {"in_channels": first[1] // (s * s), "out_channels": last[0] // (s * s), "space_to_depth": s}
    return {**sides, **encoder_arguments(state_dict)}


def encoder_arguments(state_dict: Mapping[str, Tensor]) -> dict[str, Any]:
    """Those arguments that the time embedding, the input blocks and the middle block tell."""
    shapes = {key: tuple(value.shape) for key, value in state_dict.items()}
    first = shapes["input_blocks.0.0.weight"][0]
    model_channels = shapes["time_embed.0.weight"][1] if "time_embed.0.weight" in shapes else first
    levels, inside, learned = _levels(shapes)
    widths = [shapes[f"input_blocks.{level[0]}.0.out_layers.3.weight"][0] for level in levels]
    mult = [w // model_channels if w % model_channels == 0 else w / model_channels for w in widths]
    embedded = shapes.get("input_blocks.1.0.emb_layers.1.weight")
    classes = shapes.get("label_emb.weight")
    tokens = [shape[1] for key, shape in shapes.items() if key.endswith(".attn2.to_k.weight")]
    attends = "proj_in" if tokens else "qkv"
    return {
        "model_channels": model_channels,
        "channel_mult": mult,
        "num_res_blocks": [len(level) for level in levels],
        "attention": [2**i for i, level in enumerate(levels) if f"input_blocks.{level[0]}.1.{attends}.weight" in shapes],
        "num_head_channels": 64,
        "scale_shift": embedded is None or embedded[0] == 2 * widths[0],
        "resblock_updown": inside,
        "conv_resample": learned,
        "num_classes": classes[0] if classes else None,
        "conditions": shapes.get("condition_emb.weight", (0, 0))[1],
        "time_embedding": "time_embed.0.weight" in shapes,
        "middle_attention": f"middle_block.1.{attends}.weight" in shapes,
        "context": tokens[0] if tokens else 0,
    }


def _levels(shapes: Mapping[str, tuple[int, ...]]) -> tuple[list[list[int]], bool, bool]:
    """The indices of each level's blocks among the input blocks; resampling inside residual blocks?; learned?"""

    def indices(pattern: str) -> set[int]:
        return {int(match[1]) for key in shapes if (match := re.fullmatch(pattern, key))}

    blocks = indices(r"input_blocks\.(\d{1,3})\.0\.out_layers\.3\.weight")
    between = set(range(1, max(blocks))) - blocks  # downsamplers; those that average have no keys at all
    ups = sorted(indices(r"output_blocks\.(\d{1,3})\.[12]\.out_layers\.3\.weight"))
    if ups:  # a resampling block looks like any other; the decoder's second block in one stage tells where levels end
        decoder = max(indices(r"output_blocks\.(\d{1,3})\.0\.out_layers\.3\.weight"))
        ends = [-1, *ups, decoder]
        counts = [b - a - 1 for a, b in pairwise(ends)][::-1]
        between = {sum(counts[: i + 1]) + i + 1 for i in range(len(counts) - 1)}
    cuts = [0, *sorted(between), max(blocks) + 1]
    levels = [list(range(a + 1, b)) for a, b in pairwise(cuts)]
    return levels, bool(ups), bool(ups) or not between or bool(indices(r"input_blocks\.(\d{1,3})\.0\.op\.weight"))
