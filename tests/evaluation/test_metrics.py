import numpy as np
import pytest
import torch

from restauro.core.errors import InputError
from restauro.evaluation import metrics


def pictures(seed=0, n=2, side=40):
    rng = np.random.default_rng(seed)
    clean = torch.from_numpy(rng.uniform(-1, 1, (n, 3, side, side + 6))).float()
    return clean, (clean + torch.from_numpy(rng.normal(0, 0.2, clean.shape)).float()).clamp(-1, 1)


def test_psnr_and_ssim_equal_scikit_image():
    skimage = pytest.importorskip("skimage.metrics")
    clean, noisy = pictures()
    psnr, ssim = metrics.psnr(noisy, clean), metrics.ssim(noisy, clean)
    for i in range(2):
        a, b = (x[i].permute(1, 2, 0).double().numpy() for x in (noisy, clean))
        assert psnr[i] == pytest.approx(skimage.peak_signal_noise_ratio(b, a, data_range=2), abs=1e-9)
        theirs = skimage.structural_similarity(
            a, b, channel_axis=2, data_range=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        assert ssim[i] == pytest.approx(theirs, abs=1e-9)


def test_equal_pictures():
    clean, _ = pictures()
    assert torch.isinf(metrics.psnr(clean, clean)).all()
    for measure in (metrics.ssim, metrics.sharpness):
        torch.testing.assert_close(measure(clean, clean), torch.ones(2, dtype=torch.float64))
    assert metrics.chroma_error(clean, clean).max() == 0


def test_masked_psnr_sees_the_hole_only():
    clean, noisy = pictures()
    mask = torch.zeros(1, 1, *clean.shape[-2:])
    mask[..., 5:20, 5:20] = 1
    inside = torch.where(mask.bool(), noisy, torch.zeros(()))
    expected = metrics.psnr(noisy[..., 5:20, 5:20], clean[..., 5:20, 5:20])
    torch.testing.assert_close(metrics.masked_psnr(inside, clean, mask), expected)
    assert metrics.masked_psnr(inside, clean, mask * 0).isnan().all()


def test_sharpness_counts_the_finest_octave():
    x = torch.arange(64.0)
    coarse, fine = (torch.cos(2 * torch.pi * f * x).expand(1, 3, 64, 64) for f in (6.5 / 64, 24.5 / 64))
    both = 0.3 * coarse + 0.3 * fine
    assert metrics.sharpness(0.3 * coarse, both) < 0.05
    assert metrics.sharpness(0.3 * coarse + 0.15 * fine, both) == pytest.approx(0.25, abs=0.02)
    assert metrics.high_energy(0.3 * fine) == pytest.approx(0.045, rel=0.05)  # half the squared amplitude


def test_colour():
    clean, _ = pictures()
    grey = clean.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    assert metrics.colourfulness(grey).max() < 1e-6 < metrics.colourfulness(clean).min()
    assert metrics.chroma_error(grey * 0.5, grey).max() < 0.01  # lightness does not count
    assert metrics.chroma_error(grey, clean).min() > 5


def test_lab_equals_scikit_image():
    color = pytest.importorskip("skimage.color")
    clean, _ = pictures(n=1)
    theirs = color.rgb2lab(((clean[0] + 1) / 2).permute(1, 2, 0).double().numpy())
    assert np.abs(metrics.lab(clean)[0].permute(1, 2, 0).numpy() - theirs).max() < 0.02


def test_batch_equals_singles():
    clean, noisy = pictures(n=3)
    for measure in (metrics.psnr, metrics.ssim, metrics.sharpness, metrics.chroma_error):
        singles = torch.cat([measure(noisy[i : i + 1], clean[i : i + 1]) for i in range(3)])
        torch.testing.assert_close(measure(noisy, clean), singles)


def test_refusals():
    clean, _ = pictures()
    with pytest.raises(InputError, match="one shape"):
        metrics.psnr(clean, clean[:1])
    with pytest.raises(InputError, match="11 px"):
        metrics.ssim(clean[..., :8, :8], clean[..., :8, :8])


def test_scales_of_ms_ssim():
    assert [metrics.scales(side, side) for side in (10, 11, 21, 22, 44, 88, 128, 175, 176, 4000)] == [
        0,
        1,
        1,
        2,
        3,
        4,
        4,
        4,
        5,
        5,
    ]
    assert metrics.scales(4000, 30) == 2


@pytest.mark.parametrize("side", [17, 90, 180])
def test_ms_ssim_equals_an_independent_computation(side):
    ndimage = pytest.importorskip("scipy.ndimage")
    clean, noisy = pictures(n=1, side=side)
    weights = np.array(metrics.MS_WEIGHTS[: metrics.scales(side, side)])
    results = []
    for a, b in zip(noisy[0].double().numpy(), clean[0].double().numpy(), strict=True):
        product = 1.0
        for scale, weight in enumerate(weights / weights.sum()):
            blurred = (ndimage.gaussian_filter(x, 1.5, truncate=3.5)[5:-5, 5:-5] for x in (a, b, a * a, b * b, a * b))
            mean_a, mean_b, square_a, square_b, both = blurred
            spread = square_a - mean_a**2 + square_b - mean_b**2
            value = (2 * (both - mean_a * mean_b) + 0.06**2) / (spread + 0.06**2)
            if scale == len(weights) - 1:
                value = value * (2 * mean_a * mean_b + 0.02**2) / (mean_a**2 + mean_b**2 + 0.02**2)
            product *= max(value.mean(), 0) ** weight
            even = np.s_[: a.shape[0] // 2 * 2, : a.shape[1] // 2 * 2]
            a, b = (x[even].reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2).mean((1, 3)) for x in (a, b))
        results.append(product)
    assert metrics.ms_ssim(noisy, clean)[0] == pytest.approx(np.mean(results), abs=1e-9)


def test_ms_ssim_falls_with_blur():
    clean, _ = pictures(n=1, side=96)
    torch.testing.assert_close(metrics.ms_ssim(clean, clean), torch.ones(1, dtype=torch.float64))
    blurred = [torch.nn.functional.avg_pool2d(clean, size, 1, size // 2, count_include_pad=False) for size in (3, 5, 9, 15)]
    values = [float(metrics.ms_ssim(one, clean)) for one in blurred]
    assert 1 > values[0] > values[1] > values[2] > values[3] >= 0
    with pytest.raises(InputError, match="11 px"):
        metrics.ms_ssim(clean[..., :8, :], clean[..., :8, :])


def test_gmsd_is_the_papers_formula():
    clean, noisy = pictures()
    found = metrics.gmsd(noisy, clean)
    for i in range(2):
        maps = []
        for one in (noisy[i], clean[i]):
            light = np.tensordot([0.299, 0.587, 0.114], (one.double().numpy() + 1) * 127.5, 1)
            light = (light[::2, ::2] + light[1::2, ::2] + light[::2, 1::2] + light[1::2, 1::2]) / 4
            over = np.pad(light, 1)
            across = sum(over[1 + k : over.shape[0] - 1 + k, :-2] - over[1 + k : over.shape[0] - 1 + k, 2:] for k in (-1, 0, 1))
            down = sum(over[:-2, 1 + k : over.shape[1] - 1 + k] - over[2:, 1 + k : over.shape[1] - 1 + k] for k in (-1, 0, 1))
            maps.append(np.hypot(across, down) / 3)
        alike = (2 * maps[0] * maps[1] + 170) / (maps[0] ** 2 + maps[1] ** 2 + 170)
        assert found[i] == pytest.approx(alike.std(), rel=1e-6)
    assert metrics.gmsd(clean, clean).max() == 0
    torch.testing.assert_close(metrics.gmsd(noisy, clean), metrics.gmsd(clean, noisy))
    with pytest.raises(InputError, match="GMSD"):
        metrics.gmsd(clean[..., :3, :], clean[..., :3, :])
