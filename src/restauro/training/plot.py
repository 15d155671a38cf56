"""A run's log as a picture: the loss and every held-out score over the steps. Pillow draws it: nothing else is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from restauro.core.errors import InputError
from restauro.training.checkpoint import LOG, read_log

WIDTH, HEIGHT, MARGIN, GAP = 520, 240, 64, 28
INK, LINE, FRAME = (40, 40, 40), (20, 90, 170), (200, 200, 200)
Curve = list[tuple[float, float]]


def curves(out: Path) -> dict[str, Curve]:
    """(step, value) pairs by name, "loss" first. Raises InputError where the folder has no log."""
    lines = read_log(out / LOG)
    if not lines:
        raise InputError(f"{out}: no run with a log ({LOG}) is here", "missing")
    names = dict.fromkeys(["loss", *(name for line in lines for name in line if name not in ("step", "seconds"))])
    found = {name: [(line["step"], _number(line[name])) for line in lines if name in line] for name in names}
    return {name: curve for name, curve in found.items() if curve}


def draw(found: dict[str, Curve], across: str = "step") -> Image.Image:
    """One panel a curve, two abreast. across: what its first numbers are."""
    columns = min(2, len(found))
    rows = -(-len(found) // columns)
    sheet = Image.new("RGB", (columns * WIDTH, rows * HEIGHT), "white")
    for i, (name, curve) in enumerate(found.items()):
        _panel(ImageDraw.Draw(sheet), i % columns * WIDTH, i // columns * HEIGHT, name, curve, across)
    return sheet


def _panel(canvas: ImageDraw.ImageDraw, x: int, y: int, name: str, curve: Curve, across: str) -> None:
    font = ImageFont.load_default(12)
    left, top, right, bottom = x + MARGIN, y + GAP, x + WIDTH - GAP, y + HEIGHT - GAP
    canvas.rectangle((left, top, right, bottom), outline=FRAME)
    canvas.text((left, y + 8), name, INK, font)
    values = [value for _, value in curve if value == value]
    if not values:
        return
    low, high, first, last = min(values), max(values), min(curve)[0], max(curve)[0]

    def place(at: float, value: float) -> tuple[float, float]:
        return left + (at - first) / (last - first or 1) * (right - left), bottom - (value - low) / (high - low or 1) * (
            bottom - top
        )

    points = [place(at, value) for at, value in curve if value == value]
    canvas.line(points, LINE, 2)
    for px, py in points if len(points) < 40 else points[-1:]:
        canvas.ellipse((px - 2, py - 2, px + 2, py + 2), fill=LINE)
    canvas.text((left - 6, top), f"{high:.4g}", INK, font, anchor="rt")
    canvas.text((left - 6, bottom), f"{low:.4g}", INK, font, anchor="rb")
    canvas.text((left, bottom + 6), f"{first:.7g}", INK, font, anchor="lt")
    canvas.text((right, bottom + 6), f"{across} {last:.7g}", INK, font, anchor="rt")


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else float("nan")
