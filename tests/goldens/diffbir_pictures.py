"""DiffBIR's colour fix, tiles, weights, sizes and padding."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

from restauro.photo.tiled import tiled
from restauro.photo.tiles import bell, windows
from restauro.photo.wavelets import low
from restauro.systems.diffbir.colour_fix import colour_fixed
from restauro.systems.diffbir.published_tiles import DECODER_PAD, ENCODER_PAD, boxes
from restauro.systems.diffbir.sizes import at_least, enlarged, padded
from tests.goldens.runner import Case, close, exact, handles

SOURCE = "diffbir"


def _numbers(words: str) -> list[int]:
    return [int(word) for word in words.split("_") if word.isdigit()]


@handles(SOURCE, "colour")
def colour(case: Case) -> None:
    for name in sorted({key.split("/")[0] for key in case.arrays}):
        content, style = (case[f"{name}/{part}"].transpose(0, 2, 3, 1) for part in ("content", "style"))
        for picture, like, *wanted in zip(
            content, style, *(case[f"{name}/{part}"] for part in ("low", "high", "wavelet", "adain")), strict=True
        ):
            found = low(picture), picture - low(picture), colour_fixed(picture, like), colour_fixed(picture, like, "adain")
            for ours, theirs in zip(found, wanted, strict=True):
                close(ours.transpose(2, 0, 1), theirs, abs=1e-5, what=name)


@handles(SOURCE, "tiles")
def tiles(case: Case) -> None:
    for key in case.arrays:
        kind, _, name = key.partition("/")
        if kind == "gauss":
            wide, high = map(int, name.split("x"))
            close(np.outer(bell(high, high / 2), bell(wide)) / (0.02 * np.pi), case[key], rel=1e-6, what=key)
        elif kind == "windows":
            exact([[one.top, one.bottom, one.left, one.right] for one in windows(*_numbers(name))], case[key], key)
        elif kind == "vaetiles" and name.endswith("/in"):
            autoencoder(case, name.removesuffix("/in"))
        elif kind == "fn" and name.startswith("tiled"):
            function(case, name)
        elif kind == "resize_short":
            exact(at_least(*_numbers(name)), case[key], key)
    shrunk = case.tensor("resize_short_px/in")
    close(enlarged(shrunk, case["resize_short_px/out"].shape[2]), case["resize_short_px/out"], abs=1e-5)
    close(padded(case.tensor("pad/in"), 8, zeros=True), case["pad/out8"])


def autoencoder(case: Case, name: str) -> None:
    """Boxes of tiles, columns first: of a picture for the encoder, of latents for the decoder; the factor is 8."""
    tile, height, width = _numbers(name)
    encoder = name.startswith("enc")
    found = boxes(height, width, tile, ENCODER_PAD if encoder else DECODER_PAD)
    exact([[*one.columns, *one.rows] for one in found], case[f"vaetiles/{name}/in"], name)
    kept = np.array([[*one.kept_columns, *one.kept_rows] for one in found])
    exact(kept // 8 if encoder else kept * 8, case[f"vaetiles/{name}/out"], name)


def function(case: Case, name: str) -> None:
    """A convolution on tiles, then doubled or halved; `x2` is what is halved."""
    size, stride = _numbers(name)
    kernel = case.tensor("fn/kernel")
    x, scale_in, scale_out = case.tensor("fn/x2" if name.endswith("down2") else "fn/x"), 1, 1
    after: Callable[[Tensor], Tensor] = nn.Identity()
    if name.endswith("up2"):
        after, scale_out = nn.Upsample(scale_factor=2), 2
    elif name.endswith("down2"):
        after, scale_in = nn.AvgPool2d(2), 2
    where = (x.shape[2] // scale_in, x.shape[3] // scale_in, size // scale_in, stride // scale_in)
    inputs, outputs = (list(windows(*where, scale=scale, even="uniform" in name)) for scale in (scale_in, scale_out))
    found = tiled(lambda cut: after(F.conv2d(cut, kernel, padding=1)), [x], inputs, outputs)
    close(found, case[f"fn/{name}"], abs=1e-5, what=name)
