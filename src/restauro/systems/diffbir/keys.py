"""Stable Diffusion's networks and IRControlNet under the names that the package diffusers gives them.

Every tensor has its counterpart, but for the first convolution of IRControlNet: diffusers' ControlNetModel sees noise alone there
and the condition through layers of its own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from torch import Tensor

from restauro.systems._diffusers import ENDS, RESNET, places

AUTOENCODER = (
    (r"\.down\.(\d+)\.block\.", r".down_blocks.\1.resnets."),
    (r"\.down\.(\d+)\.downsample\.", r".down_blocks.\1.downsamplers.0."),
    (r"\.block\.", ".resnets."),
    (r"\.upsample\.", ".upsamplers.0."),
    (r"\.nin_shortcut\.", ".conv_shortcut."),
    (r"\.mid\.block_1\.", ".mid_block.resnets.0."),
    (r"\.mid\.block_2\.", ".mid_block.resnets.1."),
    (r"\.attn_1\.norm\.", ".attn_1.group_norm."),
    (r"\.attn_1\.([qkv])\.", r".attn_1.to_\1."),
    (r"\.attn_1\.proj_out\.", ".attn_1.to_out.0."),
    (r"\.mid\.attn_1\.", ".mid_block.attentions.0."),
    (r"\.norm_out\.", ".conv_norm_out."),
)


def unet_to_diffusers(ours: Mapping[str, Tensor], blocks: Sequence[int], attended: Collection[int]) -> dict[str, Tensor]:
    """A U-Net with a context, or an IRControlNet for it. blocks: of each level. attended: levels with attention."""
    names = {ours: theirs for theirs, ours in ENDS.items()} | {"middle_block_out.0": "controlnet_mid_block"}
    for theirs, place in places(blocks, attended, True):
        if ".attentions." in theirs:
            names[place] = theirs
        elif ".resnets." in theirs:
            names |= {f"{place}.{part}": f"{theirs}.{name}" for name, part in RESNET.items()}
        else:
            names |= {f"{place}.{part}": f"{theirs}.conv" for part in ("op", "conv")}
    return {_renamed(re.sub(r"^zero_convs\.(\d+)\.0", r"controlnet_down_blocks.\1", key), names): ours[key] for key in ours}


def _renamed(key: str, names: Mapping[str, str]) -> str:
    """With the longest beginning that has another name replaced."""
    parts = key.split(".")
    for end in range(len(parts) - 1, 0, -1):
        if found := names.get(".".join(parts[:end])):
            return ".".join([found, *parts[end:]])
    return key


def autoencoder_to_diffusers(ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """An AutoencoderKL; its attention consists of linear layers there. The decoder's levels are counted from its beginning."""
    last = max(int(match[1]) for key in ours if (match := re.match(r"decoder\.up\.(\d+)\.", key)))
    theirs = {}
    for key, value in ours.items():
        name = re.sub(r"^decoder\.up\.(\d+)", lambda match: f"decoder.up_blocks.{last - int(match[1])}", key)
        for ours_part, theirs_part in AUTOENCODER:
            name = re.sub(ours_part, theirs_part, name)
        theirs[name] = value.flatten(1) if ".attentions." in name and value.ndim == 4 else value
    return theirs
