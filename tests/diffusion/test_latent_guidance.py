"""Every property guides a latent prior, and region-adaptive guidance means the same there as in pictures."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.core.noise import PictureNoise
from restauro.core.registry import PROPERTIES
from restauro.diffusion.contract import Estimate, Guidance, Observation, Unguided
from restauro.diffusion.guidance import CleanGuidance, Wanted
from restauro.diffusion.latent_guidance import LatentGuidance
from restauro.diffusion.samplers.ddim import Ddim
from restauro.diffusion.schedule import NoiseSchedule, Time
from restauro.properties.known_region import KnownRegion
from restauro.properties.region_adaptive import RegionAdaptive
from tests.laws.conftest import tiny_networks as tiny_networks
from tests.laws.pictures import observation, waves

SIDE = 32
BASE = NoiseSchedule.named("openai-linear")


class Toy:
    """Each block of 2x2 pixels becomes 12 channels, mixed and not quite kept: what is decoded is a little paler."""

    def __init__(self, kept: float = 0.95) -> None:
        generator = torch.Generator().manual_seed(0)
        self.mix = torch.linalg.qr(torch.randn(12, 12, generator=generator, dtype=torch.float64))[0]
        self.kept, self.decoded = kept, 0

    def encode(self, picture: Tensor) -> Tensor:
        return torch.einsum("ij,njhw->nihw", self.mix.to(picture), F.pixel_unshuffle(picture, 2)) * 2

    def decode(self, latents: Tensor) -> Tensor:
        self.decoded += 1
        return F.pixel_shuffle(torch.einsum("ij,nihw->njhw", self.mix.to(latents), latents), 2) * self.kept / 2


class Prior:
    """Independent latents of mean 0 and spread 1, answered exactly."""

    shape = (12, SIDE // 2, SIDE // 2)

    def __init__(self, schedule: NoiseSchedule):
        self.schedule = schedule

    def on(self, schedule: NoiseSchedule) -> Prior:
        return Prior(schedule)

    def __call__(self, x: Tensor, t: Time) -> Estimate:
        a = float(self.schedule.level(t)) ** 2
        return Estimate(clean=math.sqrt(a) * x, noise=math.sqrt(1 - a) * x)


def walked(guide: Guidance, schedule: NoiseSchedule, dtype: torch.dtype, n: int = 2, side: int = SIDE) -> Tensor:
    draws = PictureNoise(0, range(n), (12, side // 2, side // 2))
    steps = Ddim().steps(Prior(schedule), draws(0).to(dtype), guide, lambda step, draw=0: draws(step, draw).to(dtype))
    *_, last = steps
    return last.x


PICTURES = [name for name in PROPERTIES if PROPERTIES.get(name).space == "picture"]


@pytest.mark.parametrize(("name", "space"), [*((name, "picture") for name in PICTURES), ("region-adaptive", "latent")])
def test_every_property_guides_a_latent_prior(name: str, space: str) -> None:
    prop, dtype, codec, schedule = PROPERTIES.get(name)(), torch.float32, Toy(), BASE.respace("karras:10")
    observed = observation(SIDE, soft=True, dtype=dtype)
    guide = LatentGuidance([Wanted(prop)], observed, schedule, codec, space)  # type: ignore[arg-type]
    target = prop.target(observed)
    before, after = (prop.distance(codec.decode(walked(one, schedule, dtype)), target) for one in (Unguided(), guide))
    assert (after < before).all()
    if prop.project is not None and prop.certainty(target) is None:
        assert (after < 0.2 * before).all()


def test_a_weight_imposes_the_same_share_in_pictures_and_in_latents_at_every_size_and_in_5_steps_or_40() -> None:
    shares = []
    for side, steps, space in ((32, 5, "picture"), (32, 5, "latent"), (64, 40, "latent"), (64, 5, "picture")):
        schedule = BASE.respace(f"karras:{steps}")
        observed = Observation(waves(1, 1, side), restored=waves(3, 1, side))
        guide = LatentGuidance([Wanted(RegionAdaptive(regions="all"), 0.5)], observed, schedule, Toy(1.0), space)  # type: ignore[arg-type]
        found = [Toy(1.0).decode(walked(one, schedule, torch.float64, 1, side)) for one in (Unguided(), guide)]
        assert observed.restored is not None
        gone = (observed.restored - found[0]).flatten()
        shares.append(float((found[1] - found[0]).flatten() @ gone / gone.square().sum()))
    assert shares == pytest.approx([0.5] * 4, abs=0.12)


def test_in_latents_nothing_is_decoded() -> None:
    codec, schedule = Toy(), BASE.respace("karras:3")
    guide = LatentGuidance([Wanted(RegionAdaptive())], observation(SIDE), schedule, codec)
    walked(guide, schedule, torch.float64)
    assert codec.decoded == 0


def test_of_what_is_imposed_on_pictures_the_codec_loses_only_its_share_of_the_difference() -> None:
    """The picture that fulfils it already is left as it is, though coding it would change it."""
    codec, schedule = Toy(0.8), BASE.respace("karras:3")
    latents = codec.encode(waves(2, 1, SIDE))
    seen = codec.decode(latents)
    mask = torch.ones_like(seen[:, :1])
    mask[..., :16] = 0
    guide = LatentGuidance([Wanted(KnownRegion())], Observation(seen, mask=mask), schedule, codec)
    assert not torch.allclose(codec.encode(seen), latents, atol=0.1)
    torch.testing.assert_close(guide.clean(Estimate(latents, latents), latents, 0).clean, latents)


def test_impose_speaks_of_pictures() -> None:
    observed, schedule = observation(SIDE), BASE.respace("karras:3")
    wanted = [Wanted(KnownRegion())]
    guides = CleanGuidance(wanted, observed, schedule), LatentGuidance(wanted, observed, schedule, Toy())
    assert torch.equal(*(guide.impose(waves(2, 2, SIDE)) for guide in guides))


def test_a_property_of_the_noisy_picture_is_refused() -> None:
    prop = PROPERTIES.get("classifier")()
    with pytest.raises(RecipeError, match="classifier looks at noisy pictures; this prior's are latents"):
        LatentGuidance([Wanted(prop)], observation(SIDE, dtype=torch.float32), BASE.respace("karras:3"), Toy())
