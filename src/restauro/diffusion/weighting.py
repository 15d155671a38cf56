"""How much an error counts at each noise level: min-SNR (Hang et al. 2023, 2303.09556) and EDM (Karras et al. 2022, eq. 7)."""

from __future__ import annotations

from typing import Literal

import numpy as np

from restauro.diffusion.denoiser import Predicts
from restauro.diffusion.schedule import NoiseSchedule, Table

Weighting = Literal["none", "min-snr", "edm"]
GAMMA = 5.0
SIGMA_DATA = 0.5


def factors(kind: Weighting, schedule: NoiseSchedule, t: np.ndarray, predicts: Predicts) -> Table:
    """(N,) factors of the squared error of what the network predicts at indices t; "none": 1.

    Both are defined for the error of the clean picture, min(SNR, 5) and (sigma^2 + 0.5^2) / (0.5 sigma)^2, and brought from
    there to the error of the prediction, so that the same kind means the same for every network.
    """
    if kind == "none":
        return np.ones(len(t))
    a = schedule.alphas_cumprod[t]
    variance = (1 - a) / np.maximum(a, 1e-20)  # sigma^2 = 1 / SNR
    clean = np.minimum(1 / variance, GAMMA) if kind == "min-snr" else 1 / variance + 1 / SIGMA_DATA**2
    match predicts:
        case "clean":
            return clean
        case "eps":  # x_0 - x_0' = sigma (eps' - eps)
            return clean * variance
        case "v":  # x_0 - x_0' = sqrt(1 - a) (v' - v)
            return clean * (1 - a)
        case "mean":  # mu - mu' = c_1 (x_0 - x_0')
            return clean / schedule.posterior_mean_coef1[t] ** 2
