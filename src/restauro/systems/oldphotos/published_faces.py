"""The published program's faces: five landmarks, a similarity, a crop, histograms matched, a paste of fixed softness.

Pictures are (H, W, 3) in levels of 0 to 255; a matrix (3, 3) goes from the crop to the photograph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import cv2
import numpy as np

_EYES_NOSE_MOUTH = ((196, 226), (316, 226), (256, 286), (220, 360.4), (292, 360.4))
"""In a frame of 512."""
WIDER = np.float32(1.3)
Kernel = Literal["nearest", "linear", "cubic"]


def five_of(landmarks: np.ndarray) -> np.ndarray:
    """(5, 2) whole pixels from dlib's (68, 2): middles of the eyes' corners, cut off, the nose, the mouth's corners."""
    eyes = [(landmarks[a] + landmarks[b]) / 2 for a, b in ((36, 39), (42, 45))]
    return np.array([*eyes, landmarks[30], landmarks[48], landmarks[54]]).astype(int)


def face_template(size: int) -> np.ndarray:
    """(5, 2) float32: where the five stand in a crop of `size` pixels (256, high resolution 512)."""
    place = np.array(_EYES_NOSE_MOUTH, np.float32) / 256 - 1
    return (place * WIDER + 1) / 2 * np.float32(size)


def crop_to_photograph(points: np.ndarray, size: int) -> np.ndarray:
    """The similarity by least squares from the template to the five points (Umeyama 1991).

    The template's moments are taken in single precision, as the original has them: it shows in the sixth digit.
    """
    template, points = face_template(size), np.asarray(points, np.float64)
    middle, here = template.mean(0), points - points.mean(0)
    there = template - middle
    along = (there * here).sum()
    across = (there[:, 0] * here[:, 1] - there[:, 1] * here[:, 0]).sum()
    cos, sin = np.array([along, across]) / len(points) / there.var(0).sum()
    matrix = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    matrix[:2, 2] = points.mean(0) - matrix[:2, :2] @ middle
    return matrix


def warped(picture: np.ndarray, matrix: np.ndarray, height: int, width: int, kernel: Kernel) -> np.ndarray:
    """A picture (H, W[, C]) through a matrix that says where each pixel of the result is found; black outside, float64.

    Cubic is Catmull and Rom's. Nothing is averaged where it shrinks.
    """
    picture = np.asarray(picture, np.float64)
    y, x = np.mgrid[:height, :width].astype(np.float64)
    seen_x, seen_y = (matrix[row, 0] * x + matrix[row, 1] * y + matrix[row, 2] for row in (0, 1))
    result = np.zeros((height, width, *picture.shape[2:]))
    rows, columns = (list(_taps(place, kernel)) for place in (seen_y, seen_x))
    for row, share in rows:
        for column, part in columns:
            inside = (row >= 0) & (row < picture.shape[0]) & (column >= 0) & (column < picture.shape[1])
            weight = share * part * inside
            level = picture[row.clip(0, picture.shape[0] - 1), column.clip(0, picture.shape[1] - 1)]
            result += level * weight.reshape(*weight.shape, *[1] * (picture.ndim - 2))
    return result


def _taps(place: np.ndarray, kernel: Kernel) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    """The pixels that count along one axis, and how much."""
    if kernel == "nearest":
        return [(np.rint(place).astype(int), np.ones_like(place))]
    first = np.floor(place)
    f, first = place - first, first.astype(int)
    if kernel == "linear":
        return [(first, 1 - f), (first + 1, f)]
    shares = (2 * f**2 - f - f**3, 2 - 5 * f**2 + 3 * f**3, f + 4 * f**2 - 3 * f**3, f**3 - f**2)
    return [(first + i - 1, share / 2) for i, share in enumerate(shares)]


def match_histograms(picture: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """A uint8 picture with each channel's levels moved to the least level of the reference whose share below is as large."""
    result = np.empty_like(picture)
    for channel in range(picture.shape[-1]):
        ours, theirs = (_shares(one[..., channel]) for one in (picture, reference))
        result[..., channel] = np.searchsorted(theirs, ours).clip(max=255)[picture[..., channel]]
    return result


def _shares(levels: np.ndarray) -> np.ndarray:
    """(256,) of the pixels up to each level."""
    return np.asarray(np.bincount(levels.ravel(), minlength=256).cumsum() / levels.size)


def pasted(photograph: np.ndarray, face: np.ndarray, aligned: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The photograph, float64, with one restored face in it; face: (S, S, 3) uint8; aligned: the crop it was made from."""
    height, width = photograph.shape[:2]
    back = np.linalg.inv(matrix)
    toned = match_histograms(face, aligned.astype(np.uint8))
    over = warped(toned, back, height, width, "cubic")
    mask = cv2.erode(back_mask(matrix, face.shape[0], height, width) * 1.0, np.ones((9, 9)), iterations=3)
    soft = cv2.GaussianBlur(mask, (25, 25), 0)[:, :, None]
    return np.asarray(soft * over + (1 - soft) * photograph)


def back_mask(matrix: np.ndarray, size: int, height: int, width: int) -> np.ndarray:
    """(H, W) bool: where a crop lies in its photograph."""
    return warped(np.ones((size, size)), np.linalg.inv(matrix), height, width, "nearest") > 0


def restore_faces(
    photograph: np.ndarray, landmarks: Iterable[np.ndarray], generate: Callable[[np.ndarray], np.ndarray], size: int = 256
) -> np.ndarray:
    """Face after face, each in what the former left; landmarks: (5, 2) each; generate: (S, S, 3) levels to uint8."""
    result = np.asarray(photograph, np.float64)
    for points in landmarks:
        matrix = crop_to_photograph(points, size)
        aligned = warped(photograph, matrix, size, size, "linear")
        result = pasted(result, generate(aligned), aligned, matrix)
    return result
