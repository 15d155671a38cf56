"""Damage of old prints: what each does to the picture, and the mask of the chain that joins them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from restauro.core.registry import DEGRADATIONS
from restauro.degradations._marks import Marks
from restauro.degradations.chains import chain, degrade
from restauro.degradations.contrast_loss import ContrastLoss
from restauro.degradations.cracks import Cracks
from restauro.degradations.creases import Creases
from restauro.degradations.dust import Dust
from restauro.degradations.grain import Grain
from restauro.degradations.hairlines import Hairlines
from restauro.degradations.halftone import Halftone
from restauro.degradations.holes import Holes
from restauro.degradations.levels import Levels
from restauro.degradations.print_fading import YELLOWING, PrintFading
from restauro.degradations.silvering import Silvering
from restauro.degradations.stains import Stains
from restauro.degradations.tears import Tears
from restauro.degradations.toning import TONES, Toning
from restauro.degradations.vignetting import Vignetting
from tests.laws.pictures import waves

RNG = np.random.default_rng
MARKS = [name for name in DEGRADATIONS if issubclass(DEGRADATIONS.get(name), Marks)]
RAMP = torch.linspace(-1, 1, 64).expand(1, 3, 8, 64)
MIDDLE = torch.zeros(1, 3, 128, 128)


def damaged(one: Marks, picture: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    params = one.sample(RNG(seed))
    return one.apply(picture, params), one.mask(picture, params)


@pytest.mark.parametrize("name", MARKS)
def test_marks_change_nothing_but_what_they_tell(name: str) -> None:
    """Outside the mask a picture is as it was, but for the shade of folds and cracks; inside something is seen."""
    one, picture = DEGRADATIONS.get(name)(), 0.4 * waves(0, 1, 96).float()
    for seed in range(8):
        found, mask = damaged(one, picture, seed)
        assert set(((mask == 0) | (mask >= 0.5)).unique().tolist()) == {True}
        change = (found - picture).abs().amax(1, keepdim=True)
        if name not in ("creases", "cracks"):
            assert change[mask == 0].max() <= 0.25
            assert (mask > 0).any() and change[mask >= 0.75].mean() > 0.1


@pytest.mark.parametrize("name", MARKS)
def test_marks_are_the_same_at_any_size(name: str) -> None:
    """Their share of the picture; but what is a pixel wide at least takes more of a small one, above all specks."""
    one = DEGRADATIONS.get(name)()
    shares = []
    for side in (128, 512):
        masks = [one.mask(torch.zeros(1, 3, side, side), one.sample(RNG(seed))) for seed in range(12)]
        shares.append(float(np.mean([float((mask > 0).float().mean()) for mask in masks])))
    assert shares[0] < (16 if name == "dust" else 5) * shares[1] and shares[1] < 2.5 * shares[0] and 0.0003 < shares[1] < 0.15


def test_hairlines_are_thin_and_long() -> None:
    """A single one of half a pixel is one to three pixels wide wherever it lies, and crosses a good part of the picture."""
    for seed in range(12):
        _, mask = damaged(Hairlines(most=1, width=0.5, broken=0, bend=0), torch.zeros(1, 3, 256, 256), seed)
        parts, labels = cv2.connectedComponents((mask[0, 0] > 0).byte().numpy(), connectivity=8)
        for part in range(1, parts):
            inside = (labels == part).astype(np.uint8)
            depth = cv2.distanceTransform(np.pad(inside, 1), cv2.DIST_L2, 3).max()
            assert depth <= 3 or seed  # sheaves may cross
    _, mask = damaged(Hairlines(most=1, width=0.5, broken=0, bend=0), torch.zeros(1, 3, 256, 256), 3)
    assert (mask > 0).any()


def test_bright_and_dark_scratches_are_drawn_by_their_share() -> None:
    for share, sign in ((0.0, 1), (1.0, -1)):
        for seed in range(6):
            found, mask = damaged(Hairlines(dark=share), MIDDLE, seed)
            assert (sign * found[(mask > 0.6).expand_as(found)] > 0).all()


def test_a_crease_has_a_light_and_a_dark_flank() -> None:
    for seed in range(6):
        found, mask = damaged(Creases(most=1, depth=0.6, loss=0), MIDDLE, seed)
        shade = found[:, 0][mask[:, 0] == 0]
        assert shade.max() > 0.04 and shade.min() < -0.04
    lost = [
        np.mean([float((damaged(Creases(most=1, loss=share), MIDDLE, seed)[1] > 0.9).float().mean()) for seed in range(8)])
        for share in (0.0, 0.5, 1.0)
    ]
    assert lost == sorted(lost) and lost[0] < lost[2]


def test_cracks_form_a_network_or_branch_from_the_border() -> None:
    network, branches = (
        np.mean([float((damaged(Cracks(kind=kind, cells=60), MIDDLE, seed)[1] > 0).float().mean()) for seed in range(8)])
        for kind in ("network", "branches")
    )
    assert 0.001 < network < 0.2 and 0.001 < branches < 0.2
    for seed in range(6):
        mask = damaged(Cracks(kind="branches"), MIDDLE, seed)[1][0, 0] > 0
        edge = torch.cat((mask[:6].flatten(), mask[-6:].flatten(), mask[:, :6].flatten(), mask[:, -6:].flatten()))
        assert edge.any()


def test_tears_begin_at_the_border() -> None:
    for seed in range(12):
        mask = (damaged(Tears(), MIDDLE, seed)[1][0, 0] > 0).byte().numpy()
        _, labels = cv2.connectedComponents(mask, connectivity=8)
        border = set(np.concatenate((labels[0], labels[-1], labels[:, 0], labels[:, -1])).tolist())
        loose = np.isin(labels, sorted(border), invert=True).mean()
        assert loose < 0.01 and mask.any()


def test_dust_is_small() -> None:
    for seed in range(6):
        mask = (damaged(Dust(fibres=0), torch.zeros(1, 3, 256, 256), seed)[1][0, 0] > 0).byte().numpy()
        _, _, sizes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        assert np.median(sizes[1:, cv2.CC_STAT_AREA]) <= 12


def test_prints_fade_by_channel_and_highlights_first() -> None:
    for kind, channel in (("cyan", 0), ("magenta", 1), ("yellow", 2)):
        params = PrintFading(kind=kind, low=0.4, stain=0).sample(RNG(1))
        found = PrintFading().apply(RAMP, params)
        black = found[0, :, 0, 0]
        assert black.argmax() == channel and (found.diff(dim=-1) >= -1e-6).all()
    even = PrintFading(kind="silver", stain=0).sample(RNG(1))
    assert len(set(even["keep"])) == 1
    # with a toe the light half loses more of its contrast than the dark half
    params = {"keep": [0.6] * 3, "stain": [0.0] * 3, "toe": 1.0}
    density = -((PrintFading().apply(RAMP, params)[0, 0, 0] + 1) / 2).log()
    plain = -((RAMP[0, 0, 0] + 1) / 2).clamp(min=0.03).log()
    assert density[48] / plain[48] < density[8] / plain[8]
    white = PrintFading().apply(torch.ones(1, 3, 1, 1), {"keep": [1.0] * 3, "stain": list(YELLOWING), "toe": 0.0})[0, :, 0, 0]
    assert white[0] > white[1] > white[2]


@pytest.mark.parametrize("tone", TONES)
def test_tones_lead_through_their_three_colours(tone: str) -> None:
    ends = torch.tensor([-1.0, 0.0, 1.0]).expand(1, 3, 1, 3)
    found = Toning().apply(ends, {"tone": tone, "strength": 1.0})[0, :, 0].T
    torch.testing.assert_close(found, torch.tensor(TONES[tone]) / 127.5 - 1, atol=1e-5, rtol=0)
    light = Toning().apply(RAMP, {"tone": tone, "strength": 1.0}).mean(1)
    assert (light.diff(dim=-1) > 0).all(), "darker than its neighbour although lighter before"


def test_contrast_is_lost_to_a_veil_or_to_a_hard_copy() -> None:
    veiled = ContrastLoss(uneven=0).apply(RAMP, {"veil": 0.3, "uneven": 0.0, "seed": 0})
    torch.testing.assert_close(veiled, RAMP * 0.7 + 0.3)
    hard = ContrastLoss().apply(RAMP, {"gain": 3.0, "pivot": 0.0})
    assert hard.diff(dim=-1)[..., 31].mean() > 2 * RAMP.diff(dim=-1).mean() and hard.diff(dim=-1)[..., 0].mean() < 0.01


def test_grain_is_clumped_and_strongest_in_the_middle() -> None:
    params = {"sigma": 20.0, "size": 6.0, "channels": 1, "seed": 3}
    grain = Grain().apply(MIDDLE, params)
    assert float(grain.std()) * 127.5 == pytest.approx(20, rel=0.15) and torch.equal(grain[:, 0], grain[:, 2])
    fine = Grain().apply(MIDDLE, {**params, "size": 0.0})
    near = [float((one[..., 1:] * one[..., :-1]).mean() / one.square().mean()) for one in (fine, grain)]
    assert abs(near[0]) < 0.05 and near[1] > 0.5
    bright = Grain().apply(MIDDLE + 0.8, params) - 0.8
    assert bright.std() < grain.std()


def test_stains_only_darken_and_leave_the_picture_visible() -> None:
    picture = waves(0, 1, 96).float()
    for kind in ("tide", "foxing", "blotch"):
        for seed in range(4):
            one = Stains(kind=kind)
            params = one.sample(RNG(seed))
            found = one.apply(picture, params)
            assert (found <= picture + 1e-6).all() and one.mask(picture, params) is None
            assert (found + 1 > 0.01 * (picture + 1)).all()


def test_halftone_keeps_the_tone() -> None:
    one = Halftone(period=12)
    for level in (-0.5, 0.0, 0.5):
        flat = torch.full((1, 3, 128, 128), level)
        found = one.apply(flat, one.sample(RNG(2)))
        assert float(found.mean()) == pytest.approx(level, abs=0.2) and found.std() > 0.1


def test_vignetting_and_silvering_come_in_from_the_edges() -> None:
    dark = torch.full((1, 3, 96, 96), -0.6)
    for one, sign in ((Vignetting(bleached=0, shift=0), -1), (Vignetting(bleached=1, shift=0), 1), (Silvering(), 1)):
        for seed in range(4):
            change = sign * (one.apply(dark, one.sample(RNG(seed))) - dark).mean(1)[0]
            assert change.min() > -1e-6 and change[40:56, 40:56].mean() < change[:8].mean()


def test_levels_are_rounded_or_cut_off() -> None:
    whole = torch.arange(256.0)[None, None, None].expand(1, 3, 1, 256) / 127.5 - 1
    for truncated in (False, True):
        torch.testing.assert_close(Levels(levels=256, truncated=truncated).apply(whole, {}), whole, atol=1e-6, rtol=0)
    assert len(Levels(levels=4).apply(whole, {}).unique()) == 4
    between = whole + 0.7 / 127.5
    cut, rounded = (Levels(levels=256, truncated=one).apply(between[..., :-1], {}) for one in (True, False))
    torch.testing.assert_close(cut, whole[..., :-1], atol=1e-6, rtol=0)
    torch.testing.assert_close(rounded, whole[..., 1:], atol=1e-6, rtol=0)


def test_blobs_are_holes_of_no_special_shape() -> None:
    shares = []
    for seed in range(12):
        one = Holes(kind="blobs", level=0.5)
        params = one.sample(RNG(seed))
        mask = one.mask(MIDDLE, params)
        shares.append(float(mask.mean()))
        assert (one.apply(MIDDLE, params)[mask.expand_as(MIDDLE) == 1] == 0.5).all()
    assert 0.01 < np.mean(shares) < 0.5


def test_old_photos_are_damaged_as_old_photos_are() -> None:
    """Most in few percent, some in many, an eighth not at all; most are black and white, and what was meant is asked for."""
    picture, rng, shares, grey = waves(0, 1, 64).float(), RNG(0), [], 0
    picture[:, 0] += 0.4
    for _ in range(90):
        found = degrade(picture, "old-photo", rng)
        shares.append(0.0 if found.mask is None else float((found.mask > 0).float().mean()))
        grey += int((found.target[:, 0] - found.target[:, 2]).abs().max() < 0.5)
    assert 0.05 < np.mean(np.array(shares) == 0) < 0.3
    assert 0.005 < np.median(shares) < 0.08 and 0.08 < np.quantile(shares, 0.97) < 0.6
    assert 0.6 < grey / 90 < 0.9


def test_what_cannot_be_seen_is_not_told() -> None:
    """White scratches on white: the mask of the damage has them, that of the chain leaves them out."""
    white = torch.ones(1, 3, 64, 64)
    links = chain("flakes")
    for seed in range(6):
        dark, light = (degrade(picture, links, RNG(seed)) for picture in (-white, white))
        assert dark.mask is not None and light.mask is not None
        changed = (light.picture - white).abs().amax(1, keepdim=True) > 0.06
        assert (dark.mask > 0).any() and light.mask.sum() <= dark.mask.sum()
        assert not (changed & (light.mask == 0) & (dark.mask > 0)).any()


def test_the_published_chain_draws_as_described() -> None:
    names, orders = [], set()
    for seed in range(300):
        params = chain("old-photo-published")[0].sample(RNG(seed))
        orders.add(tuple(params["order"]))
        names.append({kind for kind, one in zip(params["order"], params["drawn"], strict=True) if one[1]["way"]})
    assert len(orders) == 24
    assert [np.mean([kind in one for one in names]) for kind in range(4)] == pytest.approx([0.7] * 4, abs=0.08)
    clean = waves(0, 1, 64).float()
    found = degrade(clean, "old-photo-published", RNG(1)).picture
    torch.testing.assert_close(((found + 1) * 127.5).round() / 127.5 - 1, found, atol=1e-5, rtol=0)
