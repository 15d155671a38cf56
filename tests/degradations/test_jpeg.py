"""JPEG with gradients against a real encoder."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch
from skimage.data import astronaut
from torch import Tensor

from restauro.degradations.chains import chain, degrade, replay, soft
from restauro.degradations.jpeg import Jpeg
from restauro.degradations.soft_jpeg import CHROMA_TABLE, LUMA_TABLE, SoftJpeg, table
from tests.laws.pictures import waves


def portrait(side: int = 128) -> Tensor:
    levels = cv2.resize(astronaut()[0:256, 96:352], (side, side), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(levels).permute(2, 0, 1)[None].float() / 127.5 - 1


def psnr(a: Tensor, b: Tensor) -> float:
    return float(10 * torch.log10(4 / (a - b).detach().square().mean()))


@pytest.mark.parametrize("quality", [5, 20, 50, 75, 90, 100])
@pytest.mark.parametrize("size", [(128, 128), (61, 75)], ids=str)
def test_it_is_what_a_real_encoder_makes(quality: int, size: tuple[int, int]) -> None:
    """Nearer to the real JPEG by 8 dB than that is to the picture, or within half a level of it."""
    clean = portrait()[..., : size[0], : size[1]]
    real, ours = (one.apply(clean, {"quality": quality}) for one in (Jpeg(), SoftJpeg()))
    assert psnr(ours, real) > min(40, psnr(real, clean) + 8)
    assert psnr(ours, clean) == pytest.approx(psnr(real, clean), abs=1.6 if quality == 100 else 0.6)


def test_tables_are_those_in_the_file() -> None:
    """As a real encoder wrote them into its file."""
    import io

    from PIL import Image

    picture = Image.new("RGB", (16, 16))
    for quality in (1, 10, 49, 50, 51, 87, 100):
        picture.save(file := io.BytesIO(), "JPEG", quality=quality)
        written = Image.open(file).quantization  # type: ignore[attr-defined]
        for text, found in zip((LUMA_TABLE, CHROMA_TABLE), (written[0], written[1]), strict=True):
            assert table(text, quality).flatten().tolist() == list(found)


def test_as_published_qualities_may_be_fractions_and_nothing_is_rounded_but_coefficients() -> None:
    clean, one = portrait(64), SoftJpeg(published=True)
    found = [one.apply(clean, {"quality": quality}) for quality in (60, 60.4, 61)]
    assert all(not torch.equal(a, b) for a, b in pairwise(found))
    levels = (found[0] + 1) * 127.5
    assert float((levels - levels.round()).abs().mean()) > 0.1
    assert psnr(found[0], SoftJpeg().apply(clean, {"quality": 60})) > psnr(found[0], clean)


def test_the_gradient_of_cubic_rounding_is_the_true_one() -> None:
    """Central differences in double precision, along a few directions, at a picture of which no level lies at a jump."""
    one, generator = SoftJpeg(rounding="cubic"), torch.Generator().manual_seed(0)
    clean = (portrait(32).double() * 0.7913).requires_grad_()
    weight = torch.randn(clean.shape, generator=generator, dtype=torch.float64)

    def score(x: Tensor) -> Tensor:
        return (one.apply(x, {"quality": 60}) * weight).sum()

    (gradient,) = torch.autograd.grad(score(clean), clean)
    for _ in range(4):
        way = torch.randn(clean.shape, generator=generator, dtype=torch.float64)
        with torch.no_grad():
            slope = float(score(clean + 1e-8 * way) - score(clean - 1e-8 * way)) / 2e-8
        assert slope == pytest.approx(float((gradient * way).sum()), rel=1e-3, abs=1e-3)


def test_gradients_lead_through_compression() -> None:
    """Descent through it finds a picture that compresses to the one that is seen."""
    clean = waves(0, 1, 32).float()
    seen = Jpeg().apply(clean, {"quality": 40})
    x = torch.zeros_like(clean, requires_grad=True)
    errors = []
    for _ in range(30):
        error = (SoftJpeg().apply(x, {"quality": 40}) - seen).square().mean()
        (gradient,) = torch.autograd.grad(error, x)
        x = (x - 0.4 * gradient * x.numel() / 2).detach().requires_grad_()
        errors.append(float(error.detach()))
    assert errors[-1] < 0.05 * errors[0]


@pytest.mark.parametrize("name", ["gfpgan", "gfpgan-v1", "codeformer-large", "difface-swinir", "real-esrgan", "old-portrait"])
def test_a_chain_stands_inside_a_loss(name: str) -> None:
    """The soft chain replays what the real one drew, nearly the same picture, and gradients reach its input."""
    clean = portrait(96)
    for seed in range(3):
        damaged = degrade(clean, name, np.random.default_rng(seed))
        x = clean.clone().requires_grad_()
        again = replay(x, soft(chain(name)), damaged.params)
        assert psnr(again.picture, damaged.picture) > 30
        (gradient,) = torch.autograd.grad(again.picture.square().sum(), x)
        assert gradient.isfinite().all() and gradient.abs().max() > 0
    assert [type(link) for link in soft([Jpeg(low=9, high=9)])] == [SoftJpeg]
