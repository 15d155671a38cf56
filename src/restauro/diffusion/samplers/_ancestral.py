"""Ancestral noise: a step goes to a lower level than the next, and noise brings it back up to that."""

from __future__ import annotations


def down_and_up(sigma: float, below: float, eta: float) -> tuple[float, float]:
    """(down, up), down^2 + up^2 = below^2; up = min(below, eta (below / sigma) sqrt(sigma^2 - below^2)). sigma may be infinite.

    eta 1 draws from p(x_{t-1} | x_t) with the fixed small variance (Ho et al. 2020).
    """
    up = min(below, eta * below * (1 - (below / sigma) ** 2) ** 0.5)
    return (below**2 - up**2) ** 0.5, up
