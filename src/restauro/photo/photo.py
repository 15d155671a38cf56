"""What is known of one photograph: its picture as sRGB, and everything needed to write it back as it was."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np

from restauro.photo.icc import Ink, Space, space

Layout = Literal["L", "LA", "RGB", "RGBA", "CMYK"]


@dataclass(frozen=True)
class Metadata:
    """The blocks a file carries, as bytes. exif: without its "Exif\\0\\0"; iptc: IIM records; dpi: (x, y); text: PNG's."""

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    dpi: tuple[float, float] | None = None
    text: dict[str, str] = field(default_factory=dict)
    comment: bytes | None = None


@dataclass(frozen=True)
class Coding:
    """How the source was compressed, so that the result can be compressed alike."""

    tables: dict[int, list[int]] | None = None  # JPEG quantisation
    subsampling: int = 0  # JPEG: 0 is 4:4:4, 1 is 4:2:2, 2 is 4:2:0
    progressive: bool = False
    lossless: bool = True


@dataclass(frozen=True, eq=False)
class Photo:
    """One upright photograph.

    pixels: (H, W, 3) float32 sRGB in [0, 1]. alpha: (H, W) float32 in [0, 1] or None. stored: the upright samples of
    the file, uint8 or uint16, (H, W) or (H, W, C), in the file's own colours; `layout` names its channels.
    mode, format: Pillow's names for the file. depth: 8 or 16 bits in the file. name: for messages.
    sha256, data: of the file's bytes; data is empty for a picture from memory. notices: what the owner should know.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None
    stored: np.ndarray
    layout: Layout
    mode: str
    depth: int
    format: str
    name: str
    sha256: str
    data: bytes = field(default=b"", repr=False)
    icc: bytes | None = field(default=None, repr=False)
    metadata: Metadata = field(default_factory=Metadata, repr=False)
    coding: Coding = field(default_factory=Coding, repr=False)
    notices: tuple[str, ...] = ()

    @property
    def grey(self) -> bool:
        """The file has a single colour channel."""
        return self.ink == "grey"

    @property
    def ink(self) -> Ink:
        return "cmyk" if self.layout == "CMYK" else "grey" if self.layout in ("L", "LA") else "rgb"

    @property
    def size(self) -> tuple[int, int]:
        """(width, height), upright."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @cached_property
    def space(self) -> Space:
        """The file's own colour space."""
        return space(self.ink, self.icc)[0]

    def with_notices(self, *notices: str) -> Photo:
        """The same with further notices."""
        return replace(self, notices=self.notices + notices)
