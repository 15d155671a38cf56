from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from restauro.core.errors import RecipeError, WeightsError
from restauro.core.home import cache_dir
from restauro.photo.faces.detect import detect
from restauro.photo.read import read
from tests.shared import SHARED, needs_shared

PHOTOS = SHARED / "data" / "photos"
YUNET = SHARED / "data" / "weights" / "face_detection_yunet_2026may.onnx"


def _overlap(a: tuple[float, ...], b: list[float]) -> float:
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    return both / (a[2] * a[3] + b[2] * b[3] - both)


def _found(**options: Any) -> tuple[int, int, int, list[str]]:
    """Annotated faces that are not hard, how many of them were found, how many may be edited; false boxes to be edited."""
    there = found = editable = 0
    wrong = []
    for name, about in json.loads((PHOTOS / "faces.json").read_text())["pictures"].items():
        faces = detect(read(PHOTOS / name).pixels, **options)
        known: set[int] = set()
        for truth in about["faces"]:
            best = max(range(len(faces)), key=lambda i: _overlap(faces[i].box, truth["box"]), default=-1)
            hit = best >= 0 and _overlap(faces[best].box, truth["box"]) > 0.35
            known |= {best} if hit else set()
            if truth["hard"] is None:
                there += 1
                found += hit
                editable += hit and faces[best].editable
        wrong += [f"{name} {face.box}" for i, face in enumerate(faces) if i not in known and face.editable]
    return there, found, editable, wrong


@needs_shared
@pytest.mark.parametrize("detector", ["mtcnn", "yunet"])
def test_recall_and_no_false_box_is_edited(detector: str) -> None:
    there, found, editable, wrong = _found(detector=detector, detector_file=YUNET if detector == "yunet" else None)
    assert there == 87
    assert found >= 86 and editable >= 0.95 * there
    assert wrong == []


@needs_shared
def test_yunet_gives_the_expected_rows() -> None:
    expected = json.loads((SHARED / "data" / "weights" / "yunet-expected.json").read_text())["pictures"]
    name = "photos/family-beach.jpg"  # small enough to be looked at as it is
    faces = detect(read(SHARED / "data" / name).pixels, detector="yunet", detector_file=YUNET)
    assert len(faces) == len(expected[name]["rows"])
    for face, row in zip(faces, expected[name]["rows"]):
        assert np.abs(np.array(face.box) - row[:4]).max() < 1
        assert np.abs(face.points.ravel() - row[4:14]).max() < 1


@needs_shared
def test_an_imported_detector_becomes_the_default() -> None:
    pixels = read(PHOTOS / "couple-pebbles.jpg").pixels
    before = detect(pixels)
    store = cache_dir() / "weights"
    store.mkdir(parents=True, exist_ok=True)
    copy = store / YUNET.name
    copy.write_bytes(YUNET.read_bytes())
    try:
        after = detect(pixels)
    finally:
        copy.unlink()
    assert [face.score for face in before] != [face.score for face in after]
    assert [face.number for face in after] == list(range(1, len(after) + 1))


@needs_shared
def test_threads_get_the_serial_answer() -> None:
    pictures = [read(PHOTOS / name).pixels for name in ("couple-pebbles.jpg", "family-beach.jpg", "family-three.jpg")]
    serial = [detect(picture, detector="mtcnn") for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        threaded = list(pool.map(lambda i: detect(pictures[i % 3], detector="mtcnn"), range(9)))
    for i, faces in enumerate(threaded):
        assert [face.box for face in faces] == [face.box for face in serial[i % 3]]
        assert all(np.array_equal(a.points, b.points) for a, b in zip(faces, serial[i % 3]))


@needs_shared
def test_numbers_run_from_left_to_right_and_small_faces_are_left_out() -> None:
    pixels = read(PHOTOS / "family-beach.jpg").pixels
    faces = detect(pixels, detector="mtcnn")
    assert [face.number for face in faces] == [1, 2, 3, 4]
    assert sorted(faces, key=lambda face: face.box[0]) == faces
    assert detect(pixels, detector="mtcnn", min_size=500) == []


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (1, 500), (200, 3000), (64, 64)])
def test_pictures_without_a_face(shape: tuple[int, int]) -> None:
    assert detect(np.full((*shape, 3), 0.5, np.float32), detector="mtcnn") == []


def test_refusals(tmp_path: Path) -> None:
    picture = np.zeros((64, 64, 3), np.float32)
    with pytest.raises(RecipeError, match="known: auto"):
        detect(picture, detector="dlib")  # type: ignore[arg-type]
    with pytest.raises(WeightsError, match="models import"):
        detect(picture, detector="yunet")
    (tmp_path / "face_detection_yunet.onnx").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="not a YuNet"):
        detect(picture, detector_file=tmp_path / "face_detection_yunet.onnx")
