"""How diffusers names the modules of U-Nets, and what they are called in OpenAI's layout, which is ours."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from restauro.core.errors import WeightsError

RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
ENDS = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "class_embedding": "label_emb",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}

PREDICTIONS = {"epsilon": "eps", "v_prediction": "v", "sample": "clean"}


def only(config: Mapping[str, Any], allowed: Mapping[str, Collection[Any]], what: str) -> None:
    """Raises `WeightsError` where a setting is none of its allowed values, of which the first is meant where it is absent."""
    for name, values in allowed.items():
        said = config.get(name, next(iter(values)))
        if said not in values:
            raise WeightsError(f"{what} with {name} {said!r} is not supported; it must be {next(iter(values))!r}")


def levels_of(theirs: Collection[str]) -> tuple[list[int], set[int]]:
    """The residual blocks of each level, and the levels with attention, by diffusers' names of a U-Net's tensors."""
    counts: dict[int, int] = {}
    attended = set()
    for key in theirs:
        if match := re.match(r"down_blocks\.(\d{1,2})\.(resnets|attentions)\.(\d{1,2})\.", key):
            level, block = int(match[1]), int(match[3])
            if match[2] == "resnets":
                counts[level] = max(counts.get(level, 0), block + 1)
            else:
                attended.add(level)
    return [counts[level] for level in range(len(counts))], attended


def places(blocks: Sequence[int], attended: Collection[int], middle: bool) -> Iterator[tuple[str, str]]:
    """diffusers' name and ours of each residual block, attention and resampler that can be there.

    blocks: of each level. attended: levels with attention. middle: attention between the two halves.
    """
    index = 0
    for level, count in enumerate(blocks):
        for block in range(count):
            index += 1
            yield f"down_blocks.{level}.resnets.{block}", f"input_blocks.{index}.0"
            yield f"down_blocks.{level}.attentions.{block}", f"input_blocks.{index}.1"
        index += 1
        yield f"down_blocks.{level}.downsamplers.0", f"input_blocks.{index}.0"
    yield "mid_block.resnets.0", "middle_block.0"
    yield "mid_block.attentions.0", "middle_block.1"
    yield "mid_block.resnets.1", f"middle_block.{2 if middle else 1}"
    index = -1
    for up, level in enumerate(reversed(range(len(blocks)))):
        for block in range(blocks[level] + 1):
            index += 1
            yield f"up_blocks.{up}.resnets.{block}", f"output_blocks.{index}.0"
            yield f"up_blocks.{up}.attentions.{block}", f"output_blocks.{index}.1"
        yield f"up_blocks.{up}.upsamplers.0", f"output_blocks.{index}.{2 if level in attended else 1}"
