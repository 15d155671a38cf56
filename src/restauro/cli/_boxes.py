"""A photograph with its faces boxed and numbered, for --draw-boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

COLOURS = {"restored": (230, 97, 1), "good": (27, 120, 55)}
"""Orange: would be restored; green: good already; grey: left alone for another reason."""
OTHER = (110, 110, 110)


def boxed(pixels: np.ndarray, faces: Sequence[Any]) -> Image.Image:
    """pixels: (H, W, 3) in [0, 1]. faces: their `number`, `box` (x, y, width, height) and `verdict`."""
    picture = Image.fromarray(np.rint(pixels * 255).clip(0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    line = max(1, round(max(picture.size) / 400))
    font = ImageFont.load_default(max(11, round(max(picture.size) / 45)))
    for face in faces:
        x, y, width, height = face.box
        colour = COLOURS.get(face.verdict, OTHER)
        draw.rectangle((x, y, x + width, y + height), outline=colour, width=line)
        margin = font.getlength("0") * 0.3
        _, _, right, bottom = draw.textbbox((x, y), str(face.number), font)
        draw.rectangle((x, y, right + 2 * margin + line, bottom + line), fill=colour)
        draw.text((x + margin + line / 2, y), str(face.number), (255, 255, 255), font)
    return picture
