"""How diffusers names the modules of U-Nets, and what they are called in OpenAI's layout, which is ours."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

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
