"""From five points to an upright crop of fixed size: the similarity that moves them to a template, and the warp."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

# left eye in the picture, right eye, nose tip, left mouth corner, right mouth corner; pixel centres at whole numbers
_FFHQ = [[192.98138, 239.94708], [318.90277, 240.1936], [256.63416, 314.01935], [201.26117, 371.41043], [313.08905, 371.15118]]
_ARCFACE = [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
_CENTRE, _CLOSER = np.array([256.0, 272.0]), 1.30
TEMPLATES: dict[str, tuple[int, np.ndarray]] = {
    "ffhq512": (512, np.array(_FFHQ)),  # as customary for restoration at 512 px: much background
    "restauro128": (128, (_CENTRE + (np.array(_FFHQ) - _CENTRE) * _CLOSER) / 4),  # hairline to chin
    "arcface": (112, np.array(_ARCFACE)),  # of identity networks (arXiv 1801.07698)
}
Border = Literal["reflect", "edge"] | tuple[float, float, float]


def template(name: str, size: int | None = None) -> np.ndarray:
    """The (5, 2) points of a template for a crop of `size` pixels a side (default: its own)."""
    own, points = TEMPLATES[name]
    return points * ((size or own) / own)


def estimate(points: np.ndarray, template: np.ndarray, method: Literal["lmeds", "least_squares"] = "least_squares") -> np.ndarray:
    """The (2, 3) similarity (turn, one scale, shift; no mirroring) that moves `points` to `template`, both (N, 2).

    least_squares: in closed form (Umeyama 1991). lmeds: OpenCV's least median of squares, which ignores outliers, as
    published aligners use it.
    """
    points, template = np.asarray(points, np.float64), np.asarray(template, np.float64)
    if method == "lmeds":
        matrix, _ = cv2.estimateAffinePartial2D(points, template, method=cv2.LMEDS)
        if matrix is not None:
            return np.asarray(matrix, np.float64)
    here, there = points - points.mean(0), template - template.mean(0)
    spread = max(float((here**2).sum()), 1e-12)
    cos = float((here * there).sum()) / spread
    sin = float((here[:, 0] * there[:, 1] - here[:, 1] * there[:, 0]).sum()) / spread
    turn = np.array([[cos, -sin], [sin, cos]])
    return np.column_stack((turn, template.mean(0) - turn @ points.mean(0)))


def moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """(..., 2) points through a (2, 3) matrix."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2])


def inverse(matrix: np.ndarray) -> np.ndarray:
    """The (2, 3) matrix that undoes another."""
    return np.asarray(cv2.invertAffineTransform(np.asarray(matrix, np.float64)))


def scale_of(matrix: np.ndarray) -> float:
    """How much a similarity enlarges."""
    return float(np.hypot(matrix[0, 0], matrix[1, 0]))


def warp(
    picture: np.ndarray,
    matrix: np.ndarray,
    size: tuple[int, int],
    *,
    interpolation: Literal["linear", "cubic"] = "linear",
    border: Border = "reflect",
) -> np.ndarray:
    """OpenCV's warp of an (H, W, C) picture to (width, height), without anti-aliasing: as published aligners crop."""
    flag = cv2.INTER_CUBIC if interpolation == "cubic" else cv2.INTER_LINEAR
    modes = {"reflect": cv2.BORDER_REFLECT_101, "edge": cv2.BORDER_REPLICATE}
    if isinstance(border, str):
        return np.asarray(cv2.warpAffine(picture, matrix, size, flags=flag, borderMode=modes[border]))
    return np.asarray(cv2.warpAffine(picture, matrix, size, flags=flag, borderMode=cv2.BORDER_CONSTANT, borderValue=border))


def resample(picture: np.ndarray, matrix: np.ndarray, size: tuple[int, int], *, border: Border = "reflect") -> np.ndarray:
    """An (H, W, C) float picture through a similarity to (width, height): cubic, and averaged where it shrinks.

    Where the matrix shrinks k-fold, k x k points are taken for each pixel and averaged. Only the part of the picture
    that is seen is touched, so its size does not matter.
    """
    width, height = size
    fine = max(1, int(np.ceil(1 / scale_of(matrix) - 1e-6)))
    corners = moved(np.array([[-1, -1], [width, -1], [-1, height], [width, height]], float), inverse(matrix))
    rows, columns = (_seen(corners[:, axis], picture.shape[1 - axis]) for axis in (1, 0))
    part = np.ascontiguousarray(picture[rows, columns], np.float32)
    dense = np.array(matrix, np.float64)
    dense[:, 2] += dense[:, :2] @ (columns.start, rows.start)
    dense *= fine
    dense[:, 2] += (fine - 1) / 2
    done = warp(part, dense, (width * fine, height * fine), interpolation="cubic", border=border)
    return done.reshape(height, fine, width, fine, *picture.shape[2:]).mean((1, 3)) if fine > 1 else done


def _seen(places: np.ndarray, length: int) -> slice:
    """What a crop sees of one side of the picture, and as much more inside as it mirrors outside."""
    start, stop = int(np.floor(places.min())) - 3, int(np.ceil(places.max())) + 4
    if stop > length:
        start = min(start, 2 * length - stop - 1)
    if start < 0:
        stop = max(stop, 1 - start)
    return slice(min(max(start, 0), length - 1), min(max(stop, 1), length))


def crop(
    pixels: np.ndarray, points: np.ndarray, size: int = 128, name: str = "restauro128", *, border: Border = "reflect"
) -> tuple[np.ndarray, np.ndarray]:
    """The face as (size, size, 3) float32 in [0, 1], aligned to a template, and the (2, 3) matrix from picture to crop."""
    matrix = estimate(points, template(name, size))
    return np.clip(resample(pixels, matrix, (size, size), border=border), 0, 1), matrix
