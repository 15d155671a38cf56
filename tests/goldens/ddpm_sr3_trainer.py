"""Warm-up of the learning rate, the sampler of timesteps by second moments, the weights' moving average."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from restauro.diffusion.resampling import SecondMoments
from restauro.training.average import average
from restauro.training.run import warmed
from tests.goldens.runner import Case, close, handles


@handles("ddpm_sr3", "trainer")
def trainer(case: Case) -> None:
    config = case.config
    close([config["lr"] * warmed(int(step), config["warmup"]) for step in case["lr_step"]], case["lr"], rel=1e-12)

    sampler = SecondMoments(case["resampler_p"].shape[1], config["history_per_term"])
    for (t, losses), expected in zip(case["resampler_feed"], case["resampler_p"], strict=True):
        sampler.update(t.astype(np.int64), torch.from_numpy(losses))
        close(sampler.probabilities(), expected, rel=1e-9, what="p")
    close(1 / (len(expected) * sampler.probabilities()), case["importance_weight"], rel=1e-9)
    t, factors = sampler.draw(2000, np.random.default_rng(0))
    close(factors, case["importance_weight"][t], rel=1e-9)

    first, *others = (nn.ParameterList([torch.from_numpy(row)]) for row in case["ema_in"])
    for network, expected in zip(others, case["ema_out"], strict=True):
        average(first, network, config["ema_rate"])
        close(first[0], expected, rel=1e-6, abs=1e-7, what="moving average")
