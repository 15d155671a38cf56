"""How the published program resizes what it is given. Sizes are (width, height); Python rounds halves to even, and so it does."""

from __future__ import annotations

from restauro.core.errors import InputError

SHORT = 256
"""The side to which pictures are shrunk, or enlarged, where they are."""


def restoration_size(width: int, height: int, *, scale: bool = False) -> tuple[int, int]:
    """Of the picture that is restored: multiples of 4, near its own size; scale: with a short side of 256.

    Raises InputError where a side would vanish.
    """
    return _multiple(_short(width, height) if scale else (width, height), 4)


def detection_size(width: int, height: int, *, scale: bool = False) -> tuple[int, int]:
    """Of the picture that scratches are looked for in, and that goes on from there: multiples of 16."""
    return _multiple(_short(width, height) if scale else (width, height), 16)


def network_size(width: int, height: int) -> tuple[int, int]:
    """Of what the detector itself sees of it: always a short side of 256."""
    return _multiple(_short(width, height), 16)


def _short(width: float, height: float) -> tuple[float, float]:
    return (SHORT, height / width * SHORT) if width < height else (width / height * SHORT, SHORT)


def _multiple(size: tuple[float, float], of: int) -> tuple[int, int]:
    width, height = (round(side / of) * of for side in size)
    if not width or not height:
        raise InputError(f"a picture of {size[0]:g}x{size[1]:g} pixels is too small for the published program", "unusable")
    return width, height
