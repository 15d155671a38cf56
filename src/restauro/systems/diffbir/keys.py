"""Stable Diffusion's networks and IRControlNet under the names that the packages diffusers and transformers give them, and back.

Every tensor has its counterpart, but for the first convolution of IRControlNet: diffusers' ControlNetModel sees noise alone there
and the condition through layers of its own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor

from restauro.systems._diffusers import ENDS, RESNET, levels_of, places

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
BACK = (
    (r"\.down_blocks\.", ".down."),
    (r"\.(down|up)samplers\.0\.", r".\1sample."),
    (r"\.mid_block\.resnets\.0\.", ".mid.block_1."),
    (r"\.mid_block\.resnets\.1\.", ".mid.block_2."),
    (r"\.mid_block\.attentions\.0\.", ".mid.attn_1."),
    (r"\.resnets\.", ".block."),
    (r"\.conv_shortcut\.", ".nin_shortcut."),
    (r"\.group_norm\.", ".norm."),
    (r"\.attn_1\.(?:to_)?([qkv])(?:uery|ey|alue)?\.", r".attn_1.\1."),  # published files have the older, longer names
    (r"\.(?:to_out\.0|proj_attn)\.", ".proj_out."),
    (r"\.conv_norm_out\.", ".norm_out."),
)
TEXT = (
    (r"^text_model\.", ""),
    (r"^embeddings\.token_embedding\.", "token_embedding."),
    (r"^embeddings\.position_embedding\.weight$", "positional_embedding"),
    (r"^encoder\.layers\.(\d+)\.layer_norm([12])\.", r"transformer.resblocks.\1.ln_\2."),
    (r"^encoder\.layers\.(\d+)\.self_attn\.([qkv]|out)_proj\.", r"transformer.resblocks.\1.attn.\2_proj."),
    (r"^encoder\.layers\.(\d+)\.mlp\.fc1\.", r"transformer.resblocks.\1.mlp.c_fc."),
    (r"^encoder\.layers\.(\d+)\.mlp\.fc2\.", r"transformer.resblocks.\1.mlp.c_proj."),
    (r"^final_layer_norm\.", "ln_final."),
)
UNUSED = ("text_model.embeddings.position_ids", "text_projection.weight")
"""0, 1, 2, ..., which older files hold, and the way to pictures."""

Tensors = Mapping[str, Tensor]


def unet_to_diffusers(ours: Tensors, blocks: Sequence[int], attended: Collection[int]) -> dict[str, Tensor]:
    """A U-Net with a context, or an IRControlNet for it. blocks: of each level. attended: levels with attention."""
    names = modules(blocks, attended) | {"middle_block_out.0": "controlnet_mid_block"}
    return {_renamed(re.sub(r"^zero_convs\.(\d+)\.0", r"controlnet_down_blocks.\1", key), names): ours[key] for key in ours}


def unet_from_diffusers(theirs: Tensors) -> dict[str, Tensor]:
    """A U-Net with a context. Unknown names stay."""
    names = {theirs: ours for ours, theirs in modules(*levels_of(theirs)).items()}
    return {_renamed(key, names): value for key, value in theirs.items()}


def modules(blocks: Sequence[int], attended: Collection[int]) -> dict[str, str]:
    """Our name -> diffusers', of modules in which the names of tensors are the same."""
    names = {ours: theirs for theirs, ours in ENDS.items()}
    for theirs, place in places(blocks, attended, True):
        if ".attentions." in theirs:
            names[place] = theirs
        elif ".resnets." in theirs:
            names |= {f"{place}.{part}": f"{theirs}.{name}" for name, part in RESNET.items()}
        else:
            names[f"{place}.{'op' if 'down' in theirs else 'conv'}"] = f"{theirs}.conv"
    return names


def _renamed(key: str, names: Mapping[str, str]) -> str:
    """With the longest beginning that has another name replaced."""
    parts = key.split(".")
    for end in range(len(parts) - 1, 0, -1):
        if found := names.get(".".join(parts[:end])):
            return ".".join([found, *parts[end:]])
    return key


def autoencoder_to_diffusers(ours: Tensors) -> dict[str, Tensor]:
    """An AutoencoderKL; its attention consists of linear layers there. The decoder's levels are counted from its beginning."""
    last = max(int(match[1]) for key in ours if (match := re.match(r"decoder\.up\.(\d+)\.", key)))
    theirs = {}
    for key, value in ours.items():
        name = re.sub(r"^decoder\.up\.(\d+)", lambda match: f"decoder.up_blocks.{last - int(match[1])}", key)
        name = _rewritten(name, AUTOENCODER)
        theirs[name] = value.flatten(1) if ".attentions." in name and value.ndim == 4 else value
    return theirs


def autoencoder_from_diffusers(theirs: Tensors) -> dict[str, Tensor]:
    last = max(int(match[1]) for key in theirs if (match := re.match(r"decoder\.up_blocks\.(\d+)\.", key)))
    ours = {}
    for key, value in theirs.items():
        name = re.sub(r"^decoder\.up_blocks\.(\d+)", lambda match: f"decoder.up.{last - int(match[1])}", key)
        ours[_rewritten(name, BACK)] = value[:, :, None, None] if ".attentions." in name and value.ndim == 2 else value
    return ours


def text_from_transformers(theirs: Tensors) -> dict[str, Tensor]:
    """CLIP's text tower in OpenCLIP's names: queries, keys and values are one tensor there."""
    ours: dict[str, Tensor] = {}
    for key, value in theirs.items():
        name = _rewritten(key, TEXT)
        if ".attn.q_proj." in name:
            value = torch.cat([theirs[key.replace(".q_proj.", f".{one}_proj.")] for one in "qkv"])
            ours[name.replace(".q_proj.", ".in_proj_")] = value
        elif not re.search(r"\.attn\.[kv]_proj\.", name) and key not in UNUSED:
            ours[name] = value
    return ours


def _rewritten(name: str, rules: Sequence[tuple[str, str]]) -> str:
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name
