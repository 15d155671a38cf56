import cv2
import numpy as np
import pytest
import torch

from restauro.core.errors import InputError
from restauro.degradations.chains import degrade
from restauro.degradations.jpeg import Jpeg
from restauro.photo import damage
from restauro.training.data import load
from tests.shared import SHARED, needs_shared

FACES = SHARED / "data" / "faces" / "faces-test.tar"


def edges(side=160):
    """Two steps and a slope: every sigma is known."""
    light = np.full((side, side), 0.1, np.float32)
    light[:, side // 3 :] = 0.8
    light[side // 2 :] += 0.12
    return light


@pytest.mark.parametrize("sigma", [1.0, 1.5, 2.5, 4.0])
def test_blur_is_a_sigma(sigma):
    # 1/12: a pixel is itself a box
    assert damage.blur_width(cv2.GaussianBlur(edges(), (0, 0), sigma)) == pytest.approx((sigma**2 + 1 / 12) ** 0.5, rel=0.2)


def test_no_edges_no_sharpness():
    assert damage.blur_width(np.full((64, 64), 0.5, np.float32)) == float("inf")


@pytest.mark.parametrize("sigma", [2, 5, 15])
def test_noise_is_a_standard_deviation(sigma):
    noise = np.random.default_rng(0).normal(0, sigma / 255, (160, 160)).astype(np.float32)
    assert damage.noise_level(edges() * 0.8 + 0.1 + noise) == pytest.approx(sigma, rel=0.1)


def test_blockiness_grows_with_compression():
    y, x = np.mgrid[:192, :192] / 192
    light = (0.5 + 0.2 * np.sin(9 * x) * np.cos(7 * y) + np.random.default_rng(0).normal(0, 0.02, (192, 192))).astype(np.float32)
    picture = torch.from_numpy(np.repeat(light[None, None], 3, 1)) * 2 - 1
    seen = [damage.blockiness(light)]
    seen += [damage.blockiness((Jpeg().apply(picture, {"quality": q})[0, 0].numpy() + 1) / 2) for q in (70, 40, 15)]
    assert seen == sorted(seen) and seen[0] < 0.5 < 1.5 < seen[-1]


def test_fading_and_tone():
    pixels = np.repeat(edges()[..., None], 3, -1)
    found, faded = damage.measure(pixels), damage.measure(pixels * 0.3 + 0.4)
    assert found.tone == "grey" and found.range > 0.7 and faded.range == pytest.approx(0.3 * found.range, abs=0.01)
    assert "faded" in damage.needs_restoration((pixels * 0.3 + 0.4)[:128, :128], 80).why


def test_odd_and_big_pictures_are_measured_and_tiny_ones_refused():
    big = np.repeat(np.tile(edges(), (9, 11))[..., None], 3, -1)
    assert damage.measure(big).blur < 0.75
    assert len(damage._tiles(big)) == 9 and len(damage._tiles(big[:512, :100])) == 1
    assert np.isfinite(damage.measure(big[:17, :501]).noise)
    with pytest.raises(InputError, match="16 x 16"):
        damage.measure(big[:15])


def test_a_small_face_is_damaged():
    face = np.repeat(edges(128)[..., None], 3, -1)
    assert not damage.needs_restoration(face, 60).damaged
    assert damage.needs_restoration(face, 12) == damage.Verdict(True, "small: 12 px between the eyes")


@needs_shared
def test_good_faces_are_left_alone_and_damaged_ones_are_not():
    data = load(FACES, 128)
    sharp = np.array([i for i, record in enumerate(data.records) if record["sharp"] > 400])[::4]
    faces, eyes = data.batch(sharp), [data.records[i]["eye"] for i in sharp]

    def share(pictures):
        crops = ((pictures.clamp(-1, 1) + 1) * 127.5).round().permute(0, 2, 3, 1).numpy() / 255
        return np.mean([damage.needs_restoration(crop, eye).damaged for crop, eye in zip(crops, eyes, strict=True)])

    assert share(faces) <= 0.05
    assert share(faces.mean(1, keepdim=True).expand(-1, 3, -1, -1)) <= 0.05  # grey is no damage
    for chain in ("codeformer", "codeformer-large"):  # on all 404 faces 0.98 and 1.00
        rng = np.random.default_rng(3)
        assert share(torch.cat([degrade(face[None], chain, rng).picture for face in faces])) >= 0.95
