"""Finding faces: MTCNN from the wheel by default, YuNet once its file has been imported."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from restauro.core.errors import RecipeError, WeightsError
from restauro.core.home import cache_dir
from restauro.photo.faces import mtcnn
from restauro.photo.faces.align import estimate, moved, scale_of, template
from restauro.photo.resize import resize

LONGEST = 1280  # the detectors are made for faces of 10 to 300 px
SMALL = 500  # below this longest side, twice the size
_SCORES = {"mtcnn": 0.9, "yunet": 0.7}
_TWICE = 0.4  # overlap (of the union) from which two boxes are one face
_INSIDE = 0.7  # or of the smaller box

# MTCNN's points against those the templates were made for, along the face, in eye distances (faces-val, 253 faces)
_MTCNN_LOW = np.array([0.02, 0.02, 0.07, 0.05, 0.05])

# A face is edited only when its points are believable; measured on 21 photographs with 113 annotated faces
MISFIT = 0.16  # root mean square distance to the template, in eye distances: profiles have more
UNSTEADY = 0.045  # how far the points move when the box is mirrored, in shares of its side: hands and cloth move more
DARK, FLAT = 0.25, 0.15  # luma of the brightest tenth, and range: under both there is nothing to restore, only to invent
_local = threading.local()


@dataclass(frozen=True, eq=False)
class Face:
    """A face in a picture. box: x, y, width, height from the corner of the corner pixel. points: (5, 2), pixel centres
    at whole numbers: left eye in the picture, right eye, nose, left mouth corner, right mouth corner. number: 1-based,
    from left to right. doubt: why it should be left alone, or "".
    """

    box: tuple[float, float, float, float]
    points: np.ndarray
    score: float
    number: int = 0
    doubt: str = ""

    @property
    def editable(self) -> bool:
        """Whether the points can be trusted to place a restored face."""
        return not self.doubt

    @property
    def eye_distance(self) -> float:
        return float(np.hypot(*(self.points[1] - self.points[0])))


def detect(
    pixels: np.ndarray,
    *,
    detector: Literal["auto", "mtcnn", "yunet"] = "auto",
    min_size: float = 24,
    detector_file: Path | None = None,
) -> list[Face]:
    """The faces of an (H, W, 3) sRGB picture in [0, 1] whose longer side is at least `min_size` pixels, left to right.

    auto: YuNet where its file is given or imported, else MTCNN. Safe to call from several threads.
    """
    if detector not in ("auto", "mtcnn", "yunet"):
        raise RecipeError(f"unknown face detector {detector!r}; known: auto, mtcnn, yunet")
    height, width = pixels.shape[:2]
    file = None if detector == "mtcnn" else detector_file or imported_yunet()
    if detector == "yunet" and file is None:
        raise WeightsError("YuNet is not here: restauro models import face_detection_yunet_2026may.onnx")
    longest = max(height, width)
    scale = min(1.0, LONGEST / longest) if longest >= SMALL else 2.0
    size = max(1, round(height * scale)), max(1, round(width * scale))
    looked_at = np.rint(np.clip(resize(pixels, *size, "area" if scale < 1 else "bicubic"), 0, 1) * 255).astype(np.uint8)
    ratio = np.array([width / size[1], height / size[0]])
    boxes, points, unsteady = _yunet(looked_at, file) if file else _mtcnn(looked_at)
    found = []
    for i in _one_box_a_face(boxes):
        corner, side = boxes[i, :2] * ratio, (boxes[i, 2:4] - boxes[i, :2]) * ratio
        if side.max() < min_size:
            continue
        face = Face((*corner.tolist(), *side.tolist()), (points[i] + 0.5) * ratio - 0.5, float(boxes[i, 4]))
        found.append(replace(face, doubt=_doubt(pixels, face, float(unsteady[i]))))
    found.sort(key=lambda face: face.box[0] + face.box[2] / 2)
    return [replace(face, number=number) for number, face in enumerate(found, 1)]


def imported_yunet() -> Path | None:
    """The newest YuNet file among the imported weights."""
    return max((cache_dir() / "weights").glob("face_detection_yunet*.onnx"), default=None)


def _mtcnn(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    boxes, points, unsteady = mtcnn.cascade(picture)
    good = boxes[:, 4] >= _SCORES["mtcnn"]
    boxes, points = boxes[good], points[good]
    along = points[:, 1] - points[:, 0]
    down = np.stack((-along[:, 1], along[:, 0]), -1)
    return boxes, points - _MTCNN_LOW[:, None] * down[:, None], unsteady[good]


def _yunet(picture: np.ndarray, file: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    networks: dict[Path, cv2.FaceDetectorYN] = _local.__dict__.setdefault("networks", {})
    try:
        if file not in networks:
            networks[file] = cv2.FaceDetectorYN.create(str(file), "", (320, 320), _SCORES["yunet"], 0.3, 5000)
        networks[file].setInputSize(picture.shape[1::-1])
        _, rows = networks[file].detect(np.ascontiguousarray(picture[..., ::-1]))
    except cv2.error:
        raise WeightsError(f"{file}: is not a YuNet face detector that OpenCV can run") from None
    rows = np.zeros((0, 15)) if rows is None else rows.astype(np.float64)
    boxes = np.column_stack((rows[:, :2], rows[:, :2] + rows[:, 2:4], rows[:, 14]))
    return boxes, rows[:, 4:14].reshape(-1, 5, 2), mtcnn.unsteadiness(picture, boxes)


def _one_box_a_face(boxes: np.ndarray) -> list[int]:
    """Indices of the boxes to keep, best first: no two on the same face."""
    area = (boxes[:, 2:4] - boxes[:, :2]).prod(1)
    kept: list[int] = []
    for i in np.argsort(-boxes[:, 4], kind="stable"):
        low, high = np.maximum(boxes[i, :2], boxes[kept, :2]), np.minimum(boxes[i, 2:4], boxes[kept, 2:4])
        both = np.clip(high - low, 0, None).prod(1)
        if not ((both > _TWICE * (area[i] + area[kept] - both)) | (both > _INSIDE * np.minimum(area[i], area[kept]))).any():
            kept.append(int(i))
    return kept


@cache
def _frontal() -> np.ndarray:
    return template("restauro128")


def _doubt(pixels: np.ndarray, face: Face, unsteady: float) -> str:
    """Why this box should not be edited, in words for the report; "" where it may."""
    matrix = estimate(face.points, _frontal())
    away = moved(face.points, matrix) - _frontal()
    eyes = float(np.hypot(*(_frontal()[1] - _frontal()[0])))
    if scale_of(matrix) < 1e-6 or np.sqrt((away**2).sum(-1).mean()) > MISFIT * eyes:
        return "turned too far to the side"
    if unsteady > UNSTEADY:
        return "probably not a face"
    (x, y, width, height), luma = face.box, np.array([0.299, 0.587, 0.114], np.float32)
    inner = pixels[
        max(0, int(y + 0.15 * height)) : int(y + 0.85 * height) + 1, max(0, int(x + 0.15 * width)) : int(x + 0.85 * width) + 1
    ]
    if inner.size == 0:
        return "outside the picture"
    dark, light, bright = np.quantile(inner @ luma, [0.05, 0.9, 0.95])
    return "too dark to see" if light < DARK and bright - dark < FLAT else ""
