"""What a file does not tell can be said; what means nothing for it is refused."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from restauro.core.errors import RecipeError
from restauro.diffusion import betas
from restauro.weights.declared import Declared, Schedule
from restauro.weights.passports import Passport

ARGUMENTS = {"model_channels": 64, "num_head_channels": 64}
PRIOR = Passport(name="p", what="a prior", kind="prior", architecture="unet", arguments=ARGUMENTS, schedule="openai-linear")
RESTORER = Passport(name="r", what="an RRDB network", kind="restorer", architecture="rrdb", range=(0.0, 1.0))


def test_nothing_said_changes_nothing() -> None:
    assert Declared().apply(PRIOR) == PRIOR


@pytest.mark.parametrize(
    ("said", "arguments"),
    [
        ({"head_channels": 32}, {"num_head_channels": 32}),
        ({"heads": 4}, {"num_heads": 4, "num_head_channels": None}),
        ({"heads": 4, "decoder_heads": 1}, {"num_heads": 4, "num_head_channels": None, "num_heads_upsample": 1}),
        ({"qkv_order": "new"}, {"new_attention_order": True}),
        ({"qkv_order": "legacy"}, {"new_attention_order": False}),
    ],
)
def test_what_the_network_is_built_with(said: dict[str, Any], arguments: dict[str, Any]) -> None:
    assert Declared(**said).apply(PRIOR).arguments == ARGUMENTS | arguments


def test_what_the_engine_is_told() -> None:
    said = Declared(
        prediction="v", variance="fixed_small", schedule="cosine", timesteps=4000, size=64, face_template="restauro128"
    )
    found = said.apply(PRIOR)
    assert (found.prediction, found.variance, found.schedule, found.steps) == ("v", "fixed_small", "cosine", 4000)
    assert (found.size, found.face_template, found.arguments) == (64, "restauro128", ARGUMENTS)
    assert Declared(face_template="none").apply(found).face_template == ""
    assert Declared(values="-1..1").apply(RESTORER).range == (-1.0, 1.0)


@pytest.mark.parametrize(
    ("passport", "said", "problem"),
    [
        (RESTORER, {"heads": 4}, "--heads means nothing here: the file holds an RRDB network (restorer)"),
        (RESTORER, {"schedule": "cosine"}, "--schedule means nothing here"),
        (RESTORER, {"size": 512}, "--size means nothing here"),
        (PRIOR, {"values": "0..1"}, "--values means nothing here"),
        (PRIOR, {"heads": 4, "head_channels": 64}, "exclude each other"),
        (PRIOR, {"decoder_heads": 1}, "--decoder-heads needs --heads"),
    ],
)
def test_what_means_nothing_is_refused(passport: Passport, said: dict[str, Any], problem: str) -> None:
    with pytest.raises(RecipeError) as caught:
        Declared(**said).apply(passport)
    assert problem in str(caught.value)


def test_every_schedule_can_be_declared() -> None:
    assert set(get_args(Schedule)) == set(betas.KINDS)
