"""A picture as a network wants to see it: the five points arrive, nothing aliases, gradients come back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from restauro.core.errors import WeightsError
from restauro.photo.faces.align import TEMPLATES, estimate, moved, resample, template
from restauro.properties._look import aligned, gaussian, look, network_of
from restauro.weights.passports import Passport
from tests.laws.pictures import waves


def dots(points: np.ndarray, size: int, width: float) -> torch.Tensor:
    """(P, 1, S, S): one soft dot a picture."""
    y, x = np.mgrid[:size, :size]
    return torch.from_numpy(np.stack([np.exp(-((x - px) ** 2 + (y - py) ** 2) / 2 / width**2) for px, py in points])[:, None])


def centres(pictures: torch.Tensor) -> np.ndarray:
    y, x = np.mgrid[: pictures.shape[-2], : pictures.shape[-1]]
    mass = pictures[:, 0].numpy()
    total = mass.sum((1, 2))
    return np.stack([(mass * x).sum((1, 2)) / total, (mass * y).sum((1, 2)) / total], 1)


@pytest.mark.parametrize(("source", "size"), [("ffhq512", 512), ("ffhq512", 128), ("restauro128", 128), ("restauro128", 256)])
@pytest.mark.parametrize(("target", "side"), [("arcface", 112), ("restauro128", 128), ("arcface", 56)])
def test_the_five_points_arrive(source: str, size: int, target: str, side: int) -> None:
    """Eyes exactly between our templates; elsewhere as near as a similarity can bring them. Sides scale about pixel edges."""
    if source == target:
        pytest.skip("nothing moves")
    points = template(source, size)
    found = centres(aligned(dots(points, size, size / 60), source, target, side))
    own, there = TEMPLATES[target]
    wanted = (moved(points, estimate(points, there)) + 0.5) * side / own - 0.5
    np.testing.assert_allclose(found, wanted, atol=0.1)
    if target == "restauro128":
        np.testing.assert_allclose(wanted, there, atol=1e-6)


def test_it_agrees_with_the_aligner_of_photographs() -> None:
    picture = waves(1, 1, 512)
    matrix = estimate(template("ffhq512"), template("arcface"))
    expected = resample(picture[0].permute(1, 2, 0).numpy(), matrix, (112, 112))
    found = aligned(picture, "ffhq512", "arcface", 112)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(found, expected, atol=0.01)


def test_what_the_result_cannot_show_does_not_alias() -> None:
    check = ((torch.arange(512)[:, None] + torch.arange(512)) % 2 * 2.0 - 1).expand(1, 3, -1, -1)
    assert float(aligned(check, "ffhq512", "arcface", 112).abs().max()) < 0.01


def test_a_blur_is_in_pixels_of_the_result() -> None:
    """A dot's variance grows by the square of the blur, aligned or not."""
    for picture, how in ((dots(template("ffhq512")[:1], 512, 12.0), "ffhq512"), (dots(np.array([[63.0, 63.0]]), 128, 4.0), "")):
        wanted = Passport(name="x", what="", kind="identity", size=112, face_template="arcface")
        sharp, soft = (variance(look(picture, wanted, how, blur)) for blur in (0.0, 2.0))
        assert soft - sharp == pytest.approx(4.0, rel=0.05)


def variance(picture: torch.Tensor) -> float:
    (x, _), mass = centres(picture)[0], picture[0, 0].numpy()
    places = np.arange(mass.shape[1])
    return float((mass * (places - x) ** 2).sum() / mass.sum())


def test_gradients_come_back() -> None:
    picture = waves(1, 1, 16).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: aligned(x, "ffhq512", "restauro128", 8, 0.7), picture, fast_mode=True)


def test_where_nothing_is_known_nothing_is_moved() -> None:
    picture = waves(1, 1, 64)
    own = Passport(name="x", what="", kind="identity", size=64, face_template="arcface")
    assert look(picture, own, "") is picture and look(picture, own, "arcface") is picture
    assert look(picture, own, "someone-elses") is picture
    assert look(waves(1, 1, 20, 30), Passport(name="x", what="", kind="features")).shape == (1, 3, 20, 30)
    assert gaussian(picture, 0.0) is picture


def test_weights_of_another_kind_are_refused() -> None:
    with pytest.raises(WeightsError, match="'face-prior' serves as prior, not as identity or features"):
        network_of("face-prior", ("identity", "features"), torch.device("cpu"))
