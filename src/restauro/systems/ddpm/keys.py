"""One U-Net and three ways to name its tensors: ours (OpenAI's), diffusers', and that of Ho et al.'s TensorFlow release."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor

from restauro.systems._diffusers import ENDS, RESNET, levels_of, places

StateDict = Mapping[str, Tensor]

ATTENTION = {"group_norm": "norm", "to_q": "qkv", "to_k": "qkv", "to_v": "qkv", "to_out.0": "proj_out"}
QKV = (".to_q", ".to_k", ".to_v")
OLD = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
"""The names of attention's layers in the published files, which today's diffusers reads as well."""

TENSORFLOW = {
    "temb/dense0": "time_embedding.linear_1",
    "temb/dense1": "time_embedding.linear_2",
    "mid/block_1": "mid_block.resnets.0",
    "mid/block_2": "mid_block.resnets.1",
    "mid/attn_1": "mid_block.attentions.0",
    "norm_out": "conv_norm_out",
    "temb_proj": "time_emb_proj",
    "nin_shortcut": "conv_shortcut",
    "downsample": "downsamplers.0",
    "upsample": "upsamplers.0",
    "norm": "group_norm",
    "q": "to_q",
    "k": "to_k",
    "v": "to_v",
    "proj_out": "to_out.0",
}
AVERAGED = "/ExponentialMovingAverage"
"""What TensorFlow adds to the names of the averaged weights, with which one samples."""


def modules(blocks: Sequence[int], attended: Collection[int], middle: bool = True) -> dict[str, str]:
    """diffusers' name -> ours, of all modules that can have tensors. blocks: of each level. attended: levels with attention.

    middle: attention between the two halves. Of the names some do not exist in a network, as those of shortcuts.
    """
    found = dict(ENDS)
    for theirs, ours in places(blocks, attended, middle):
        parts = ATTENTION if ".attentions." in theirs else RESNET
        if "samplers" in theirs:
            parts = {**RESNET, "conv": "op" if "down" in theirs else "conv"}
        found |= {f"{theirs}.{name}": f"{ours}.{part}" for name, part in parts.items()}
    return found


def from_diffusers(theirs: StateDict) -> dict[str, Tensor]:
    """Our names and shapes; q, k and v become one tensor in the order of `new_attention_order`. Unknown names stay."""
    theirs = {_current(key): value for key, value in theirs.items()}
    names = modules(*levels_of(theirs), "mid_block.attentions.0.group_norm.weight" in theirs)
    ours: dict[str, Tensor] = {}
    for key, value in theirs.items():
        module, _, kind = key.rpartition(".")
        if module.endswith(QKV):
            if not module.endswith(QKV[0]):
                continue
            value = torch.cat([theirs[f"{module[:-5]}{one}.{kind}"] for one in QKV])
        if module.endswith((".to_q", ".to_out.0")) and kind == "weight":
            value = value[:, :, None]
        ours[f"{names[module]}.{kind}" if module in names else key] = value
    return ours


def _current(key: str) -> str:
    match = re.fullmatch(r"(.*\.attentions\.\d+)\.(query|key|value|proj_attn)\.(weight|bias)", key)
    return f"{match[1]}.{OLD[match[2]]}.{match[3]}" if match else key


def to_diffusers(
    ours: StateDict, blocks: Sequence[int], attended: Collection[int], heads: Mapping[int, int]
) -> dict[str, Tensor]:
    """diffusers' names and shapes. heads: of the attention over so many channels in legacy order; none: all in new order."""
    middle = "middle_block.1.norm.weight" in ours
    names = {ours: theirs for theirs, ours in modules(blocks, attended, middle).items()}
    theirs: dict[str, Tensor] = {}
    for key, value in ours.items():
        module, _, kind = key.rpartition(".")
        if module.endswith(".qkv"):
            for one, part in zip(QKV, _unbound(value, heads), strict=True):
                theirs[f"{names[f'{module[:-4]}.norm'].removesuffix('.group_norm')}{one}.{kind}"] = part
        else:
            theirs[f"{names[module]}.{kind}"] = value[:, :, 0] if key.endswith("proj_out.weight") else value
    return theirs


def _unbound(qkv: Tensor, heads: Mapping[int, int]) -> tuple[Tensor, ...]:
    """q, k and v, (C, C) or (C,) each, of a weight (3C, C, 1) or a bias (3C,)."""
    qkv = qkv.flatten(1) if qkv.ndim > 1 else qkv
    width, rest = len(qkv) // 3, qkv.shape[1:]
    parts = qkv.view(heads[width], 3, -1, *rest).transpose(0, 1) if heads else qkv.view(3, -1, *rest)
    return tuple(part.reshape(width, *rest) for part in parts)


def from_tensorflow(theirs: StateDict) -> dict[str, Tensor]:
    """diffusers' names and shapes, from the averaged weights where there are any. What belongs to the optimiser is left out."""
    averaged = any(key.endswith(AVERAGED) for key in theirs)
    levels = 1 + max((int(match[1]) for key in theirs if (match := re.match(r"model/up_(\d{1,2})/", key))), default=0)
    found: dict[str, Tensor] = {}
    for key, value in theirs.items():
        if key.endswith(AVERAGED) != averaged:
            continue
        name, _, kind = key.removesuffix(AVERAGED).removeprefix("model/").rpartition("/")
        if kind not in ("W", "b", "gamma", "beta"):
            continue
        name = _renamed(name, levels)
        if value.ndim == 4:
            value = value.permute(3, 2, 0, 1)
        elif value.ndim == 2:
            value = value.T[:, :, None, None] if name.endswith("conv_shortcut") else value.T
        found[f"{name}.{'weight' if kind in ('W', 'gamma') else 'bias'}"] = value
    return found


def _renamed(name: str, levels: int) -> str:
    start = "/".join(name.split("/")[:2])
    if start in TENSORFLOW:
        name = TENSORFLOW[start] + name.removeprefix(start)
    parts = []
    for part in name.split("/"):
        kind, _, number = part.partition("_")
        if number.isdecimal():
            where = {"down": "down_blocks", "up": "up_blocks", "block": "resnets", "attn": "attentions"}.get(kind, kind)
            part = f"{where}.{levels - 1 - int(number) if kind == 'up' else number}"
        parts.append(TENSORFLOW.get(part, part))
    return ".".join(parts)
