import numpy as np
import pytest
import torch

from restauro.core.errors import RecipeError
from restauro.evaluation.classical import classical
from restauro.evaluation.metrics import psnr

pytest.importorskip("skimage")


def clean():
    y, x = torch.meshgrid(*[torch.linspace(-1, 1, 48)] * 2, indexing="ij")
    one = torch.stack((torch.sin(4 * x), y * x, torch.where(x.square() + y.square() < 0.4, 0.6, -0.5)))
    return torch.stack((one, one.flip(-1))) * 0.8


def test_denoisers_help():
    picture = clean()
    noise = torch.from_numpy(np.random.default_rng(0).normal(0, 0.12, picture.shape)).float()
    noisy = (picture + noise).clamp(-1, 1)
    answers = classical("denoise", noisy)
    assert all(a.shape == picture.shape and a.min() >= -1 and a.max() <= 1 for a in answers.values())
    gains = {name: float((psnr(a, picture) - psnr(noisy, picture)).mean()) for name, a in answers.items()}
    assert abs(gains["input"]) < 0.1 and max(gains.values()) > 4


def test_sharpeners_help():
    from restauro.degradations._base import filter2d
    from restauro.degradations.blur import gaussian_kernel

    picture = clean()
    soft = filter2d(picture, gaussian_kernel(1.4, 1.4))
    answers = classical("deblur", soft)
    gains = {name: float((psnr(a, picture) - psnr(soft, picture)).mean()) for name, a in answers.items()}
    assert max(gains.values()) > 1 and gains["unsharp 0.5"] > 0


def test_inpainting_fills_the_hole_and_leaves_the_rest():
    picture = clean()
    mask = torch.zeros(1, 1, 48, 48)
    mask[..., 20:26, 10:22] = 1
    answers = classical("inpaint", picture * (1 - mask) + mask, mask)
    assert {"OpenCV Telea", "OpenCV Navier-Stokes", "scikit-image biharmonic, big holes Navier-Stokes"} < set(answers)
    for name, answer in answers.items():
        assert ((answer - picture).abs() * (1 - mask)).max() < 0.005, name
        assert name == "input" or ((answer - picture).abs() * mask).sum() < 0.5 * ((1 - picture).abs() * mask).sum()


def test_upscale_restore_colorize():
    small = torch.nn.functional.interpolate(clean(), size=24, mode="area")
    up = classical("upscale", small, size=(48, 48))
    assert all(a.shape == (2, 3, 48, 48) for a in up.values()) and psnr(up["input"], clean()).min() > 20
    assert len(classical("restore", small)) > 10 and "input" in classical("colorize", small)


def test_refusals():
    with pytest.raises(RecipeError, match="denoise"):
        classical("denoize", clean())
    with pytest.raises(RecipeError, match="mask"):
        classical("inpaint", clean())
    with pytest.raises(RecipeError, match="size"):
        classical("upscale", clean())
