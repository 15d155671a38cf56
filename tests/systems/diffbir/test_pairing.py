"""A prior and a control of different releases are noticed: with right ones, noise is removed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import torch
from torch import Tensor, nn

from restauro.core.recipe import Latent, Release
from restauro.diffusion.contract import Observation
from restauro.networks.autoencoder_kl import AutoencoderKL
from restauro.networks.swinir import SwinIR
from restauro.systems._prior import trained
from restauro.systems.diffbir import engine, pairing, published
from restauro.systems.diffbir.pairing import WORSE, error
from restauro.systems.diffbir.parts import Parts
from restauro.weights.passports import Passport
from restauro.weights.store import find
from tests.laws.pictures import waves
from tests.systems.diffbir.latent_weights import AUTOENCODER, ours, put, stock

SWINIR: dict[str, Any] = {"width": 12, "depths": [1], "heads": 2, "features": 8}
RELEASES = {"v2": ("eps", "sd-scaled-linear"), "v2.1": ("v", "sd-zero-snr")}


class Seen(nn.Module):
    """A control that hands on what it is shown."""

    def forward(self, x: Tensor, hint: Tensor, told: Tensor, context: Any = None) -> list[Tensor]:
        return [hint]


class Answers(nn.Module):
    """A prior that answers as if what is shown were the truth, in the words of a release."""

    multiple = 2

    def __init__(self, release: str):
        super().__init__()
        self.predicts = RELEASES[release][0]
        self.schedule = trained(passport(release))

    def forward(self, x: Tensor, told: Tensor, context: Any = None, control: Any = ()) -> Tensor:
        t, clean = told.long(), control[0]
        noise = self.schedule.noise_from_clean(x, t, clean)
        return noise if self.predicts == "eps" else self.schedule.v_target(clean, t, noise)


def passport(release: str) -> Passport:
    prediction, schedule = RELEASES[release]
    return Passport(
        name="a-prior", what="", kind="latent-prior", prediction=prediction, schedule=schedule, steps=1000, clip=False
    )


@pytest.mark.parametrize("is_release", RELEASES)
@pytest.mark.parametrize("taken_for", RELEASES)
def test_what_is_taken_for_another_release_does_not_denoise(is_release: str, taken_for: str) -> None:
    parts = Parts(passport(taken_for), Answers(is_release), Seen(), AutoencoderKL(**AUTOENCODER))
    clean, noise = (torch.randn(1, 3, 40, 40, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    found = error(parts, Latent(), clean, noise)
    assert (found > WORSE) == (is_release != taken_for), found


def test_of_imported_weights_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """As ours, and as released."""
    names, observed = stock(), Observation(waves(1, 1, 32).float())
    monkeypatch.setattr(pairing, "error", lambda *given: 3.0)
    engine.run(ours(names), observed)
    about = msgspec.structs.replace(find(names["prior"])[0], source="elsewhere")
    load = Parts.load
    monkeypatch.setattr(Parts, "load", lambda *given: described(load(*given), about))
    released = Release(release="v2.1", walk="spaced")
    put("tiny-swinir", "restorer", "swinir", SwinIR(**SWINIR), SWINIR, range=(0.0, 1.0), prediction="clean")
    monkeypatch.setattr(published, "LEAST", 64)
    faithful = msgspec.structs.replace(ours(names, restorer="tiny-swinir"), faithful=True, released=released, start=0.0)
    for recipe in (ours(names), faithful):
        with pytest.warns(UserWarning, match="tiny-prior and tiny-control do not denoise"):
            engine.run(recipe, observed)


def described(parts: Parts, about: Passport) -> Parts:
    return Parts(about, parts.prior, parts.control, parts.autoencoder, parts.contexts)
