"""Timesteps drawn where the loss varies most (Nichol and Dhariwal 2021, section 3.3: for the bound, whose terms differ much)."""

from __future__ import annotations

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn


class SecondMoments(nn.Module):
    """p(t) ~ sqrt of the mean of the last `history` squared losses at t, mixed with a thousandth of the uniform one.

    Uniform until every t has its history. The losses are buffers: as a part of what is trained they are stored with it.
    """

    losses: Tensor
    counts: Tensor

    def __init__(self, steps: int, history: int = 10, uniform: float = 0.001):
        super().__init__()
        self.uniform = uniform
        self.register_buffer("losses", torch.zeros(steps, history, dtype=torch.float64))
        self.register_buffer("counts", torch.zeros(steps, dtype=torch.int64))

    def probabilities(self) -> np.ndarray:
        """(steps,) float64, sum 1."""
        steps, history = self.losses.shape
        if bool((self.counts < history).any()):
            return np.full(steps, 1 / steps)
        weights = self.losses.square().mean(1).sqrt().cpu().numpy()
        return weights / max(weights.sum(), 1e-300) * (1 - self.uniform) + self.uniform / steps

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(n,) timesteps, and the (n,) factors 1 / (steps p) by which their losses stay an unbiased estimate."""
        p = self.probabilities()
        p = p / p.sum()
        t = rng.choice(len(p), n, p=p)
        return t, 1 / (len(p) * p[t])

    @torch.no_grad()
    def update(self, t: np.ndarray, losses: Tensor) -> None:
        """Take note of (n,) losses, before their factors, at (n,) timesteps; under torch.distributed of all processes'."""
        found = torch.stack([torch.from_numpy(np.asarray(t)).double(), losses.detach().double().cpu()], 1)
        if dist.is_available() and dist.is_initialized():
            every = [torch.empty_like(found) for _ in range(dist.get_world_size())]
            dist.all_gather(every, found)
            found = torch.cat(every)
        history = self.losses.shape[1]
        for step, loss in found.tolist():
            known = int(self.counts[int(step)])
            if known == history:
                self.losses[int(step)] = self.losses[int(step)].roll(-1)
            self.losses[int(step), min(known, history - 1)] = loss
            self.counts[int(step)] = min(known + 1, history)
