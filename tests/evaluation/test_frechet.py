"""The Frechet distance of Gaussians is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from restauro.core.errors import InputError
from restauro.evaluation.frechet import Moments, alex_features, frechet_distance, moments
from tests.shared import SHARED, needs_shared


def test_of_independent_features_it_is_the_difference_of_means_and_of_deviations() -> None:
    rng = np.random.default_rng(0)
    (m, n), (s, t) = rng.standard_normal((2, 5)), rng.uniform(0.1, 2, (2, 5))
    found = frechet_distance(Moments(m, np.diag(s), 9), Moments(n, np.diag(t), 9))
    assert found == pytest.approx(np.square(m - n).sum() + np.square(s - t).sum())


def test_axes_do_not_matter_and_neither_does_rank() -> None:
    rng = np.random.default_rng(1)
    turn = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    s, t = np.array([2.0, 1, 0.5, 0, 0, 0]), np.array([1.0, 1, 0, 0, 0, 0.3])
    one, other = (Moments(np.zeros(6), np.diag(v) @ turn.T, 4) for v in (s, t))
    assert frechet_distance(one, other) == pytest.approx(np.square(s - t).sum(), abs=1e-6)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(one, other) == pytest.approx(frechet_distance(other, one), abs=1e-6)


def test_of_two_general_covariances_by_their_root() -> None:
    rng = np.random.default_rng(2)
    r, q = rng.standard_normal((2, 4, 4))
    a, b = r.T @ r, q.T @ q
    values = np.linalg.eigvals(a @ b)  # (C1 C2)^(1/2) has the roots of its eigenvalues
    expected = np.trace(a) + np.trace(b) - 2 * np.sqrt(values.real).sum()
    assert frechet_distance(Moments(np.zeros(4), r, 9), Moments(np.zeros(4), q, 9)) == pytest.approx(expected)


def test_samples_of_one_gaussian_are_near() -> None:
    rng = torch.Generator().manual_seed(0)
    one, other, far = (torch.randn(3000, 8, generator=rng) + shift for shift in (0, 0, 1))
    assert frechet_distance(moments([one[:1000], one[1000:]]), moments([other])) < 0.05
    assert frechet_distance(moments([one]), moments([far])) == pytest.approx(8, rel=0.05)
    with pytest.raises(InputError, match="at least two"):
        moments([one[:1]])


@needs_shared
def test_pictures_and_worse_pictures() -> None:
    features = alex_features(SHARED / "data" / "weights" / "lpips_alex_f16.npz")
    pictures = torch.nn.functional.interpolate(torch.rand(24, 3, 5, 5, generator=torch.Generator().manual_seed(3)), 32) * 2 - 1
    assert features(pictures).shape == (24, 1152)
    clean = moments([features(pictures)])
    noise = torch.randn(pictures.shape, generator=torch.Generator().manual_seed(4))
    distances = [frechet_distance(clean, moments([features(pictures + level * noise)])) for level in (0, 0.1, 0.4)]
    assert distances == sorted(distances) and distances[0] == pytest.approx(0, abs=1e-6)
