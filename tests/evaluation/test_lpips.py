import numpy as np
import pytest
import torch

from restauro.core.errors import InputError, WeightsError
from restauro.evaluation.lpips import lpips
from tests.shared import SHARED, needs_shared

FILE = SHARED / "data" / "weights" / "lpips_alex_f16.npz"


def pictures():
    rng = np.random.default_rng(5)
    clean = torch.from_numpy(rng.uniform(-1, 1, (3, 3, 128, 128))).float()
    clean = torch.nn.functional.avg_pool2d(clean, 9, 1, 4) * 4
    return clean, clean + 0.2 * torch.from_numpy(rng.standard_normal(clean.shape)).float()


@needs_shared
def test_laws():
    distance, (clean, noisy) = lpips(FILE), pictures()
    assert distance(clean, clean).abs().max() == 0
    there = distance(noisy, clean)
    torch.testing.assert_close(there, distance(clean, noisy))
    torch.testing.assert_close(there, torch.cat([distance(noisy[i : i + 1], clean[i : i + 1]) for i in range(3)]))
    assert (distance(clean + (noisy - clean) / 4, clean) < there).all()


@needs_shared
def test_equals_the_reference_package():
    clean, noisy = pictures()
    # lpips 0.1.4 with the same trunk
    expected = torch.tensor([0.32064289, 0.36432624, 0.34841570])
    torch.testing.assert_close(lpips(FILE)(noisy, clean), expected, atol=1e-6, rtol=0)


def test_refusals(tmp_path):
    with pytest.raises(WeightsError, match="no such file"):
        lpips(tmp_path / "none.npz")
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04nothing")
    with pytest.raises(WeightsError, match="not a readable npz"):
        lpips(tmp_path / "bad.npz")
    np.savez(tmp_path / "other.npz", lin0=np.zeros(64))
    with pytest.raises(WeightsError, match=r"conv0\.weight"):
        lpips(tmp_path / "other.npz")


@needs_shared
def test_small_pictures_are_refused():
    with pytest.raises(InputError, match="32 px"):
        lpips(FILE)(torch.zeros(1, 3, 31, 64), torch.zeros(1, 3, 31, 64))
    assert lpips(FILE)(torch.zeros(1, 3, 32, 32), torch.ones(1, 3, 32, 32)).isfinite().all()
