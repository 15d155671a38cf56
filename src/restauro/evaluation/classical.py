"""What a user would otherwise pick: OpenCV and scikit-image, at several settings, so that a benchmark can choose the best.

Baselines only. The best setting per task is chosen on validation pictures, then reported on test pictures.
scikit-image is imported when a baseline needs it; it is no dependency of the package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, get_args

import cv2
import numpy as np
import torch
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.core.knobs import suggest

Task = Literal["restore", "denoise", "deblur", "inpaint", "upscale", "colorize"]
Array = np.ndarray


def classical(
    task: Task, picture: Tensor, mask: Tensor | None = None, *, size: tuple[int, int] | None = None
) -> dict[str, Tensor]:
    """Every classical answer to one task, by name; "input" is doing nothing (of "upscale": bicubic).

    picture: (N, 3, H, W) in [-1, 1]; so are the answers. mask: (N or 1, 1, H, W), 1 = missing ("inpaint").
    size: (height, width) of the answer ("upscale").
    """
    if task not in _TASKS:
        raise RecipeError(f"unknown task {task!r}{suggest(task, get_args(Task))}")
    if task == "inpaint" and mask is None:
        raise RecipeError("the task 'inpaint' needs a mask")
    if task == "upscale" and size is None:
        raise RecipeError("the task 'upscale' needs the size of the answer")
    answers: dict[str, list[Tensor]] = {}
    for index, one in enumerate(picture):
        rgb = np.round((one.detach().cpu().float().clamp(-1, 1).permute(1, 2, 0).numpy() + 1) * 127.5).astype(np.uint8)
        hole = None if mask is None else mask[min(index, len(mask) - 1), 0].detach().cpu().numpy() > 0.5
        for name, answer in _TASKS[task](rgb, hole, size):
            level = answer.astype(np.float32) / (255 if answer.dtype == np.uint8 else 1)
            answers.setdefault(name, []).append(torch.from_numpy(np.clip(level, 0, 1)).permute(2, 0, 1) * 2 - 1)
    return {name: torch.stack(batch).to(picture) for name, batch in answers.items()}


def _denoise(rgb: Array, hole: Array | None, size: tuple[int, int] | None) -> Iterator[tuple[str, Array]]:
    from skimage.restoration import denoise_tv_chambolle

    yield "input", rgb
    for strength in (3, 5, 8):
        yield f"OpenCV NLM h={strength}", nlm(rgb, strength)
    for weight in (0.03, 0.06, 0.1):
        yield f"scikit-image TV {weight:g}", denoise_tv_chambolle(rgb / 255, weight, channel_axis=2)
    for sigma in (15, 30):
        yield f"OpenCV bilateral {sigma}", cv2.bilateralFilter(rgb, -1, sigma, 2.0)


def _deblur(rgb: Array, hole: Array | None, size: tuple[int, int] | None) -> Iterator[tuple[str, Array]]:
    from skimage.restoration import richardson_lucy, unsupervised_wiener

    yield "input", rgb
    for amount in (0.5, 1.0):
        yield f"unsharp {amount:g}", unsharp(rgb, amount)
    for sigma in (0.8, 1.4):
        kernel = np.outer(*[cv2.getGaussianKernel(9, sigma)[:, 0]] * 2)
        padded = np.pad(rgb / 255, ((8, 8), (8, 8), (0, 0)), "reflect")  # both ring at borders
        sharp = [richardson_lucy(channel, kernel, 8) for channel in np.moveaxis(padded, -1, 0)]
        yield f"Richardson-Lucy {sigma:g}", np.stack(sharp, -1)[8:-8, 8:-8]
        sharp = [unsupervised_wiener(channel, kernel, rng=0)[0] for channel in np.moveaxis(padded, -1, 0)]
        yield f"Wiener {sigma:g}", np.stack(sharp, -1)[8:-8, 8:-8]


def _restore(rgb: Array, hole: Array | None, size: tuple[int, int] | None) -> Iterator[tuple[str, Array]]:
    """Blind damage: every denoiser, every sharpener, and one after the other."""
    yield from _denoise(rgb, hole, size)
    for name, answer in _deblur(rgb, hole, size):
        if name != "input":
            yield name, answer
    for strength in (3, 5):
        yield f"OpenCV NLM h={strength}, unsharp 0.5", unsharp(nlm(rgb, strength), 0.5)


def _inpaint(rgb: Array, hole: Array | None, size: tuple[int, int] | None) -> Iterator[tuple[str, Array]]:
    from skimage.restoration import inpaint_biharmonic

    assert hole is not None
    yield "input", rgb
    for name, method in (("Telea", cv2.INPAINT_TELEA), ("Navier-Stokes", cv2.INPAINT_NS)):
        yield f"OpenCV {name}", cv2.inpaint(rgb, hole.astype(np.uint8), 3, method)
    # the biharmonic system is dense: big holes would take minutes and gigabytes
    small = 0 < hole.sum() <= 4000
    answer = inpaint_biharmonic(rgb / 255, hole, channel_axis=2) if small else cv2.inpaint(rgb, hole.astype(np.uint8), 3, method)
    yield "scikit-image biharmonic, big holes Navier-Stokes", answer


def _upscale(rgb: Array, hole: Array | None, size: tuple[int, int] | None) -> Iterator[tuple[str, Array]]:
    assert size is not None
    shape = size[::-1]
    yield "input", cv2.resize(rgb, shape, interpolation=cv2.INTER_CUBIC)
    yield "Lanczos", cv2.resize(rgb, shape, interpolation=cv2.INTER_LANCZOS4)
    yield "bicubic, unsharp 0.5", unsharp(cv2.resize(rgb, shape, interpolation=cv2.INTER_CUBIC), 0.5)


def _colorize(rgb: Array, hole: Array | None, size: tuple[int, int] | None) -> Iterator[tuple[str, Array]]:
    """Grey, and a warm tone of constant chroma: the mean colour of photographs of people."""
    yield "input", rgb
    tint = np.array([1.06, 0.99, 0.92])
    yield "warm tone", np.clip(rgb / 255 * tint, 0, 1)


_TASKS: dict[str, Callable[[Array, Array | None, tuple[int, int] | None], Iterator[tuple[str, Array]]]] = {
    "restore": _restore,
    "denoise": _denoise,
    "deblur": _deblur,
    "inpaint": _inpaint,
    "upscale": _upscale,
    "colorize": _colorize,
}


def nlm(rgb: Array, strength: float) -> Array:
    """OpenCV's non-local means in colour; (H, W, 3) uint8."""
    return cv2.fastNlMeansDenoisingColored(rgb, None, strength, strength, 5, 15)


def unsharp(rgb: Array, amount: float, sigma: float = 1.0) -> Array:
    """Unsharp masking; (H, W, 3) uint8."""
    return cv2.addWeighted(rgb, 1 + amount, cv2.GaussianBlur(rgb, (0, 0), sigma), -amount, 0)
