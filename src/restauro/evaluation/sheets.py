"""Contact sheets: rows of pictures under column titles, dark text on white, for looking at what the numbers say."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from restauro.core.errors import InputError
from restauro.core.files import write_atomically

INK, PAPER, FRAME = (34, 34, 34), (255, 255, 255), (214, 214, 214)

Picture = Image.Image | np.ndarray | Tensor


def to_image(picture: Picture) -> Image.Image:
    """A Pillow RGB picture from one, from (H, W, 3) uint8, from (H, W, 3) float in [0, 1], or from a (3, H, W) or
    (1, 3, H, W) tensor in [-1, 1]; rounded, never truncated."""
    if isinstance(picture, Image.Image):
        return picture.convert("RGB")
    if isinstance(picture, Tensor):
        levels = ((picture.detach().cpu().float() + 1) / 2).reshape(picture.shape[-3:]).permute(1, 2, 0).numpy()
    else:
        levels = picture
    if levels.ndim != 3 or levels.shape[-1] != 3:
        raise InputError(f"a sheet shows (H, W, 3) arrays and (3, H, W) tensors, not {tuple(picture.shape)}")
    if levels.dtype != np.uint8:
        levels = np.round(np.clip(levels, 0, 1) * 255).astype(np.uint8)
    return Image.fromarray(levels)


def contact_sheet(
    rows: Sequence[Sequence[Picture | None]],
    titles: Sequence[str] = (),
    names: Sequence[str] = (),
    captions: Sequence[Sequence[str]] = (),
    *,
    cell: int = 192,
    heading: str = "",
) -> Image.Image:
    """Every picture fits into a square of `cell` px; None leaves a gap.

    titles: one a column, above. names: one a row, at its left. captions: one a picture, below it ("24.1 dB").
    Long words are shortened with dots. Small pictures are enlarged by whole factors where they fit, so pixels stay visible.
    """
    size = max(13, round(cell * 0.085))
    font, bold = ImageFont.load_default(size), ImageFont.load_default(round(size * 1.5))
    gap, line = max(8, cell // 16), round(size * 1.5)
    columns = max(len(row) for row in rows)
    side = max((round(font.getlength(name)) for name in names), default=0)
    side = min(side, 2 * cell) + gap if side else 0
    top = gap * 2 + (round(size * 2.4) if heading else 0) + (line if titles else 0)
    below = line if captions else 0
    sheet = Image.new("RGB", (2 * gap + side + columns * (cell + gap), top + len(rows) * (cell + below + gap) + gap), PAPER)
    draw = ImageDraw.Draw(sheet)
    if heading:
        draw.text((2 * gap, gap * 1.5), _fit(heading, bold, sheet.width - 4 * gap), INK, bold)
    lefts = [2 * gap + side + i * (cell + gap) for i in range(columns)]
    for left, title in zip(lefts, titles, strict=False):
        draw.text((left + cell / 2, top - gap / 2), _fit(title, font, cell), INK, font, anchor="ms")
    for index, row in enumerate(rows):
        y = top + index * (cell + below + gap)
        if index < len(names):
            draw.text((2 * gap + side - gap, y + cell / 2), _fit(names[index], font, side - gap), INK, font, anchor="rm")
        words = captions[index] if index < len(captions) else ()
        for column, (left, picture) in enumerate(zip(lefts, row, strict=False)):
            if picture is not None:
                _place(sheet, to_image(picture), left, y, cell)
            if column < len(words):
                draw.text((left + cell / 2, y + cell + line * 0.15), _fit(words[column], font, cell), INK, font, anchor="ma")
    return sheet


def picture_grid(pictures: Sequence[Picture], *, gap: int = 2) -> Image.Image:
    """Pictures of one size side by side at that size, as square as their number allows, on black."""
    images = [to_image(picture) for picture in pictures]
    (width, height), across = images[0].size, math.ceil(math.sqrt(len(images)))
    grid = Image.new("RGB", (across * (width + gap) - gap, math.ceil(len(images) / across) * (height + gap) - gap))
    for i, image in enumerate(images):
        grid.paste(image, (i % across * (width + gap), i // across * (height + gap)))
    return grid


def before_after(
    before: Picture, after: Picture, *, titles: tuple[str, str] = ("before", "after"), cell: int = 512
) -> Image.Image:
    """Two pictures side by side."""
    return contact_sheet([[before, after]], titles, cell=cell)


def save_sheet(sheet: Image.Image, path: str | Path) -> Path:
    """Written atomically; the format follows the ending (.png, .jpg, .webp)."""
    ending = Path(path).suffix.lower()
    kinds = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
    if ending not in kinds:
        raise InputError(f"{path}: a sheet is written as {', '.join(kinds)}")
    buffer = io.BytesIO()
    sheet.save(buffer, kinds[ending], **({} if ending == ".png" else {"quality": 92}))
    return write_atomically(path, buffer.getvalue())


def save_animation(frames: Sequence[Image.Image], path: str | Path, *, seconds: float = 4.0, longest: int = 640) -> Path:
    """Pictures of one size as a GIF or an animated WebP that stays for a while on the last; written atomically.

    seconds: of all frames but the last. longest: side in pixels above which they are reduced.
    """
    kinds = {".gif": "GIF", ".webp": "WEBP"}
    ending = Path(path).suffix.lower()
    if ending not in kinds:
        raise InputError(f"{path}: an animation is written as {', '.join(kinds)}")
    small = [frame.copy() for frame in frames]
    for frame in small:
        frame.thumbnail((longest, longest))
    each = max(20, round(1000 * seconds / max(1, len(small) - 1)))
    durations = [each] * (len(small) - 1) + [1500]
    buffer = io.BytesIO()
    small[0].save(buffer, kinds[ending], save_all=True, append_images=small[1:], duration=durations, loop=0)
    return write_atomically(path, buffer.getvalue())


def _place(sheet: Image.Image, picture: Image.Image, left: int, top: int, cell: int) -> None:
    scale = cell / max(picture.size)
    if scale >= 2:
        whole = int(scale)
        picture = picture.resize((picture.width * whole, picture.height * whole), Image.Resampling.NEAREST)
        scale = cell / max(picture.size)
    if scale != 1:
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, Image.Resampling.BICUBIC)
    x, y = left + (cell - picture.width) // 2, top + (cell - picture.height) // 2
    sheet.paste(picture, (x, y))
    ImageDraw.Draw(sheet).rectangle((x - 1, y - 1, x + picture.width, y + picture.height), outline=FRAME)


def _fit(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> str:
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."
