"""Putting restored faces back: not the crop is pasted but what the restoration changed in it.

The change is smooth where the crop is smaller than the face, so the photograph keeps its own fine detail; it fades
out towards the edge of the crop; and its tone at the edge is taken out of it, so that there is nothing to see there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from restauro.photo.colour import into_range
from restauro.photo.faces.align import inverse, moved, resample

_ROUND = 4  # exponent of the mask's outline: a square with round corners


class Patch(NamedTuple):
    """A restored face: (S, S, 3) in [0, 1], the crop it was made from, the (2, 3) matrix from picture to crop, strength 0..1."""

    restored: np.ndarray
    crop: np.ndarray
    matrix: np.ndarray
    strength: float = 1.0


def paste(
    pixels: np.ndarray,
    faces: Iterable[Patch],
    *,
    feather: float = 0.3,
    keep_detail: float | np.ndarray = 1.0,
    match_tone: float = 1.0,
    keep_luma: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """The (H, W, 3) picture in [0, 1] with the faces' changes, and the (H, W) bool mask of touched pixels.

    feather: width of the soft edge, in shares of the crop's half side. keep_detail: how much of the photograph's detail
    finer than the crop remains (grain, but also noise, JPEG blocks, thin scratches): 1 all, 0 none; or an (H, W) map.
    match_tone: how much of the tone by which the restored face differs along its edge is taken out of it: 1 sits without
    a step, 0 keeps its own tone. keep_luma: what leaves [0, 1] loses colour, not lightness. Where faces overlap, their
    changes are averaged by their masks, under the union of these. Untouched pixels are exactly the picture's.
    """
    change = np.zeros(pixels.shape, np.float32)
    weight, free = np.zeros(pixels.shape[:2], np.float32), np.ones(pixels.shape[:2], np.float32)
    for face in faces:
        if face.strength <= 0:
            continue
        where = _reach(face.matrix, face.crop.shape[0], pixels.shape[:2])
        if where is None:
            continue
        mask = _mask(face.matrix, face.crop.shape[0], where, feather)
        detail = keep_detail[where][..., None] if isinstance(keep_detail, np.ndarray) else keep_detail
        change[where] += (face.strength * mask)[..., None] * _difference(pixels[where], face, where, detail, match_tone)
        weight[where] += mask
        free[where] *= 1 - mask
    change *= ((1 - free) / np.maximum(weight, 1e-9))[..., None]
    touched = free < 1
    touched[touched] = np.abs(change[touched]).max(-1) > 1e-5  # half a level of 16 bits is 8e-6
    result = pixels.copy()
    new = pixels[touched] + change[touched]
    result[touched] = into_range(new) if keep_luma else np.clip(new, 0, 1)
    return result, touched


def _difference(
    part: np.ndarray, face: Patch, where: tuple[slice, slice], keep_detail: float | np.ndarray, match_tone: float
) -> np.ndarray:
    """What changes in this part of the picture, before the mask."""
    height, width = part.shape[:2]
    back = inverse(face.matrix)
    back[:, 2] -= (where[1].start, where[0].start)
    new = face.restored.astype(np.float32) - face.crop
    if match_tone:
        new = new - match_tone * _edge_tone(new)
    out = resample(new, back, (width, height), border="edge")
    if np.min(keep_detail) < 1:
        coarse = resample(face.crop, back, (width, height), border="edge")
        out = out - (1 - keep_detail) * (part - coarse)
    return out


def _edge_tone(change: np.ndarray) -> np.ndarray:
    """The change's tone along its edge, carried smoothly into the middle (S, S, 3).

    Solves Laplace's equation with the blurred edge as its boundary, on a small grid. What crosses the edge in a narrow
    place (a repaired scratch) is held back to what the rest of the edge shows.
    """
    size = change.shape[0]
    small = min(size, 33)
    blurred = cv2.GaussianBlur(change, (0, 0), size / 24, borderType=cv2.BORDER_REFLECT_101)
    values = cv2.resize(blurred, (small, small), interpolation=cv2.INTER_AREA)
    rim = np.ones((small, small), bool)
    rim[1:-1, 1:-1] = False
    middle = np.median(values[rim], 0)
    spread = 4 * np.median(np.abs(values[rim] - middle), 0) + 1 / 255
    field = _membrane(np.clip(values, middle - spread, middle + spread))
    return np.asarray(cv2.resize(field, (size, size), interpolation=cv2.INTER_LINEAR))


def _membrane(values: np.ndarray) -> np.ndarray:
    """The harmonic field with the outermost rows and columns of `values`, by its sine series (fast Poisson solver)."""
    size = values.shape[0]
    if size < 3:
        return values
    inner = size - 2
    rest = np.zeros((inner, inner, values.shape[2]))
    rest[0] += values[0, 1:-1]
    rest[-1] += values[-1, 1:-1]
    rest[:, 0] += values[1:-1, 0]
    rest[:, -1] += values[1:-1, -1]
    order = np.arange(1, inner + 1)
    sines = np.sqrt(2 / (inner + 1)) * np.sin(np.pi * np.outer(order, order) / (inner + 1))
    stiff = 2 - 2 * np.cos(np.pi * order / (inner + 1))
    waves = np.einsum("ij,jkc,kl->ilc", sines, rest, sines) / (stiff[:, None] + stiff[None])[..., None]
    field = values.copy()
    field[1:-1, 1:-1] = np.einsum("ij,jkc,kl->ilc", sines, waves, sines)
    return field


def _reach(matrix: np.ndarray, size: int, shape: tuple[int, int]) -> tuple[slice, slice] | None:
    """The part of the picture that the crop covers; None where it lies outside."""
    corners = moved(np.array([[-0.5, -0.5], [size - 0.5, -0.5], [-0.5, size - 0.5], [size - 0.5, size - 0.5]]), inverse(matrix))
    low, high = np.floor(corners.min(0)).astype(int), np.ceil(corners.max(0)).astype(int) + 1
    left, top, right, bottom = max(low[0], 0), max(low[1], 0), min(high[0], shape[1]), min(high[1], shape[0])
    return (slice(top, bottom), slice(left, right)) if top < bottom and left < right else None


def _mask(matrix: np.ndarray, size: int, where: tuple[slice, slice], feather: float) -> np.ndarray:
    """1 inside, 0 from the edge of the crop on, in between smooth; computed in the picture, so exact at any scale."""
    y, x = np.mgrid[where].astype(np.float64)
    place = np.abs((moved(np.stack((x, y), -1), matrix) - (size - 1) / 2) / (size / 2))
    radius = (place**_ROUND).sum(-1) ** (1 / _ROUND)
    share = np.clip((1 - radius) / max(feather, 1e-6), 0, 1)
    return (share * share * (3 - 2 * share)).astype(np.float32)


def paste_published(
    image: np.ndarray, restored: Sequence[np.ndarray], matrices: Sequence[np.ndarray], upscale: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """The customary paste of published restorers, rounding down and all, for comparison.

    image: (H, W, 3) uint8; restored: (S, S, 3) uint8 crops; matrices: from picture to crop. Returns the picture at
    `upscale` times the size and the (faces, H, W) soft masks.
    """
    height, width = image.shape[0] * upscale, image.shape[1] * upscale
    picture = (image if upscale == 1 else cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)).astype(np.float64)
    masks = []
    for face, matrix in zip(restored, matrices, strict=True):
        back = inverse(matrix) * upscale
        if upscale > 1:
            back[:, 2] += 0.5 * upscale
        side = (width, height)
        square = cv2.warpAffine(np.ones(face.shape[:2], np.float32), back, side)
        square = cv2.erode(square, np.ones((2 * upscale, 2 * upscale), np.uint8))
        over = cv2.warpAffine(face, back, side)
        edge = int(np.sqrt(square.sum())) // 20
        # a face under 400 pixels has edge 0: OpenCV erodes by 3 x 3 for an empty kernel
        inner = cv2.erode(square, np.ones((2 * edge, 2 * edge), np.uint8) if edge else np.ones((3, 3), np.uint8))
        soft = cv2.GaussianBlur(inner, (2 * edge + 1, 2 * edge + 1), 0)
        picture = soft[..., None] * (square[..., None] * over) + (1 - soft[..., None]) * picture
        masks.append(soft)
    return picture.astype(np.uint8), np.stack(masks) if masks else np.zeros((0, height, width), np.float32)
