"""Alignment and paste-back: upstream's face helper in our words."""

from __future__ import annotations

import numpy as np

from restauro.photo.faces.align import estimate, inverse, warp
from restauro.photo.faces.paste import paste_published
from tests.goldens.runner import Case, close, handles


@handles("pgdiff", "align_affine")
def affine(case: Case) -> None:
    for row, points in enumerate(case["landmarks"]):
        close(estimate(points, case["template"], "lmeds"), case["affine"][row], abs=1e-3, what=f"LMEDS, row {row}")
        close(estimate(points, case["template"], "least_squares"), case["affine_least_squares"][row], abs=1e-6, what=f"row {row}")


@handles("pgdiff", "align_paste")
def paste(case: Case) -> None:
    size, upscale = case.config["face_size"], case.config["upscale"]
    border = tuple(case.config["border_bgr"])
    matrices = [estimate(points, case["template"], "lmeds") for points in case["landmarks"]]
    for row, matrix in enumerate(matrices):
        close(matrix, case["affine"][row], abs=1e-3, what="affine")
        close(
            estimate(case["landmarks"][row], case["template"]), case["affine_least_squares"][row], abs=1e-4, what="least squares"
        )
        close(inverse(case["affine"][row]) * upscale, case["inverse_affine"][row], abs=1e-4, what="inverse")
        close(warp(case["image"], case["affine"][row], (size, size), border=border), case["crops"][row], abs=2, what="crop")
    restored = [255 - crop for crop in case["crops"]]
    picture, masks = paste_published(case["image"], restored, list(case["affine"]), upscale)
    close(masks, case["soft_masks"], abs=1e-3, what="masks")
    close(picture.astype(np.int64), case["pasted"], abs=2, what="pasted")
