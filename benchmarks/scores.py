"""What scores an answer against the truth. None of it guided anything or was a training loss."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from benchmarks.faces import SHARED, Faces
from benchmarks.judge import identity_judge
from restauro.evaluation.lpips import lpips
from restauro.evaluation.metrics import masked_psnr, ms_ssim, psnr, sharpness, ssim

PRIMARY = {"inpaint": "hole PSNR"}
"""The column that decides a task; LPIPS for the others."""
UP = ("hole PSNR", "PSNR", "SSIM", "MS-SSIM")
"""Columns of which more is better."""


def primary(task: str) -> str:
    return PRIMARY.get(task, "LPIPS")


class Judges:
    """Scores answers to these faces: LPIPS-Alex, PSNR, SSIM, MS-SSIM (four scales), dlib's identity distance, sharpness."""

    def __init__(self, faces: Faces) -> None:
        self.faces = faces
        self.lpips = lpips(SHARED / "data" / "weights" / "lpips_alex_f16.npz")
        self.embed = identity_judge()
        self.truth = self.embed(levels(faces.clean))

    def __call__(self, answer: Tensor) -> dict[str, np.ndarray]:
        clean, mask = self.faces.clean, self.faces.mask
        known = {
            "LPIPS": self.lpips(answer, clean).numpy(),
            "PSNR": psnr(answer, clean).numpy(),
            "SSIM": ssim(answer, clean).numpy(),
            "MS-SSIM": ms_ssim(answer, clean).numpy(),
            "identity": self.identity(answer),
            "sharpness": sharpness(answer, clean).numpy(),
        }
        if self.faces.task == "inpaint" and mask is not None:
            known["hole PSNR"] = masked_psnr(answer, clean, mask).numpy()
        return known

    def identity(self, answer: Tensor) -> np.ndarray:
        """(N,) distances of dlib's embeddings to the truth's; 0.6 is its customary threshold for the same person."""
        return np.asarray(np.linalg.norm(self.embed(levels(answer)) - self.truth, axis=1))

    def primary(self, answer: Tensor) -> float:
        """The task's one figure, lower is better: for tuning."""
        if primary(self.faces.task) == "LPIPS":
            return float(self.lpips(answer, self.faces.clean).mean())
        assert self.faces.mask is not None
        return -float(masked_psnr(answer, self.faces.clean, self.faces.mask).mean())


def levels(picture: Tensor) -> np.ndarray:
    """(N, 3, H, W) in [-1, 1] to (N, H, W, 3) uint8."""
    return np.asarray(((picture.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy())
