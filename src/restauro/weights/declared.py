"""What the names and shapes in a checkpoint do not tell, said by whoever imports it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from restauro.core.errors import RecipeError
from restauro.core.knobs import Knob, Knobbed
from restauro.weights.passports import Passport

Schedule = Literal[
    "ho-linear", "ho-quad", "ho-warmup10", "ho-warmup50", "ho-const", "ho-jsd", "openai-linear", "sr3-linear",
    "sd-scaled-linear", "sd-zero-snr", "ldm-sqrt-linear", "ldm-sqrt", "sigmoid", "cosine", "sqrt-as-alpha-bar",
]  # fmt: skip
Variance = Literal["fixed_small", "fixed_small_clipped", "fixed_large", "learned", "learned_range"]


class Declared(Knobbed, frozen=True, kw_only=True):
    """Facts about a checkpoint that win over what its layout assumes. None: as the layout assumes."""

    head_channels: Annotated[int, Knob("U-Net: channels of an attention head", ge=1)] | None = None
    heads: Annotated[int, Knob("U-Net: heads of every attention, instead of their channels", ge=1)] | None = None
    decoder_heads: Annotated[int, Knob("U-Net: heads of the decoder's attention, where they differ", ge=1)] | None = None
    qkv_order: Annotated[Literal["legacy", "new"], Knob("U-Net: head by head, or q, k and v first")] | None = None
    embedding: Annotated[Literal["openai", "ho"], Knob("U-Net: sinusoids of time, OpenAI's or Ho et al.'s")] | None = None
    padding: Annotated[Literal["both", "same"], Knob("U-Net: of strided convolutions, as in PyTorch or TensorFlow")] | None = None
    epsilon: Annotated[float, Knob("U-Net: of its norms", ge=0)] | None = None
    prediction: Annotated[Literal["eps", "v", "clean", "mean"], Knob("prior: what it predicts")] | None = None
    variance: Annotated[Variance, Knob("prior: of its steps")] | None = None
    schedule: Annotated[Schedule, Knob("prior: the noise it was trained with")] | None = None
    timesteps: Annotated[int, Knob("prior: the length of that schedule", ge=1)] | None = None
    rescaled: Annotated[Literal["yes", "no"], Knob("prior: timesteps are told as if there were 1000")] | None = None
    clip: Annotated[Literal["yes", "no"], Knob("prior: its clean estimate is kept within -1..1")] | None = None
    size: Annotated[int, Knob("side of the pictures it was trained on", ge=8, unit="px")] | None = None
    face_template: (
        Annotated[Literal["ffhq512", "restauro128", "arcface", "none"], Knob("how the faces it was trained on were aligned")]
        | None
    ) = None
    groups: Annotated[int, Knob("U-Net: groups of its norms", ge=1)] | None = None
    level: (
        Annotated[Literal["sqrt-gamma", "gamma"], Knob("SR3's U-Net: what it is told of the noise; gamma is alpha-bar")] | None
    ) = None
    statistics: (
        Annotated[Literal["training", "picture"], Knob("translator: of its batch norms, their averages or each picture's own")]
        | None
    ) = None
    values: Annotated[Literal["0..1", "-1..1"], Knob("restorer: black and white as it was trained")] | None = None
    domain: Annotated[Literal["old", "clean"], Knob("VAE of Old Photos: of damaged or of clean pictures")] | None = None
    version: Annotated[Literal["v1", "v2", "v2.1"], Knob("DiffBIR: the release, whose files have the same names")] | None = None

    by: Annotated[Literal["restauro", "diffusers"], Knob("prior of latents: whose class runs it (the extra `full`)")] | None = (
        None
    )

    def of(self, passport: Passport) -> Declared:
        """Only what means something for such weights."""
        return msgspec.structs.replace(self, **dict.fromkeys(set(self.__struct_fields__) - _apt(passport)))

    def beside(self, passport: Passport) -> Declared:
        """Only what means nothing for such weights."""
        return msgspec.structs.replace(self, **dict.fromkeys(_apt(passport)))

    def apply(self, passport: Passport) -> Passport:
        """The passport with these facts. `RecipeError` for one that means nothing for such weights."""
        told = {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}
        for name in told:
            if name not in _apt(passport):
                option = f"--{name.replace('_', '-')}"
                raise RecipeError(f"{option} means nothing here: the file holds {passport.what} ({passport.kind})")
        if {"head_channels", "heads"} <= told.keys():
            raise RecipeError("--head-channels and --heads exclude each other: name one")
        if "decoder_heads" in told and "heads" not in told:
            raise RecipeError("--decoder-heads needs --heads: heads are given by number or by their channels")
        if "level" in told and not passport.told:
            raise RecipeError("--level means nothing here: this network is told the timestep, not the level of the noise")
        if "version" in told:
            prediction, schedule = RELEASES[told["version"]]
            told = {"prediction": prediction, "schedule": schedule, **told}
        same = ("version", "prediction", "variance", "schedule", "size", "face_template", "domain")
        facts: dict[str, Any] = {name: told[name] for name in same if name in told}
        if facts.get("face_template") == "none":
            facts["face_template"] = ""
        if "timesteps" in told:
            facts["steps"] = told["timesteps"]
        if "level" in told:
            facts["told"] = "gamma" if told["level"] == "gamma" else "level"
        facts |= {name: told[name] == "yes" for name in ("rescaled", "clip") if name in told}
        if "values" in told:
            facts["range"] = (0.0, 1.0) if told["values"] == "0..1" else (-1.0, 1.0)
        return msgspec.structs.replace(passport, arguments={**passport.arguments, **_arguments(told)}, **facts)


NOTHING = Declared()

RELEASES: Mapping[str, tuple[str, str]] = {
    "v1": ("eps", "sd-scaled-linear"),
    "v2": ("eps", "sd-scaled-linear"),
    "v2.1": ("v", "sd-zero-snr"),
}
"""What DiffBIR's second stage predicts, and on which schedule."""

UNET = ("head_channels", "heads", "decoder_heads", "qkv_order", "embedding", "padding", "epsilon", "groups")
PRIOR = ("prediction", "variance", "schedule", "timesteps", "rescaled", "clip", "size", "face_template")
OF: Mapping[str, tuple[str, ...]] = {
    "unet": UNET,
    "unet-superres": UNET,
    "rrdb": ("values",),
    "translator": ("statistics",),
    "prior": PRIOR,
    "conditional-prior": PRIOR,
    "latent-prior": ("by", "version", "head_channels", "heads", "prediction", "schedule", "timesteps", "size"),
    "latent-control": ("version", "head_channels", "heads"),
    "super-resolver": PRIOR,
    "sr3-unet": ("groups", "level"),
    "restorer": ("face_template",),
    "upscaler": ("face_template",),
    "identity": ("face_template",),
    "autoencoder": ("domain",),
    "spade": ("size",),
}
"""Kind or architecture -> what may be declared."""


def _apt(passport: Passport) -> set[str]:
    return {*OF.get(passport.kind, ()), *OF.get(passport.architecture, ())}


SAME = {"groups": "groups", "statistics": "statistics", "padding": "padding", "epsilon": "eps"}


def _arguments(told: Mapping[str, Any]) -> dict[str, Any]:
    """Of the U-Net's constructor."""
    found: dict[str, Any] = {ours: told[name] for name, ours in SAME.items() if name in told}
    if "head_channels" in told:
        found["num_head_channels"] = told["head_channels"]
    if "heads" in told:
        found |= {"num_heads": told["heads"], "num_head_channels": None}
    if "decoder_heads" in told:
        found["num_heads_upsample"] = told["decoder_heads"]
    if "embedding" in told:
        found |= {"sines_first": told["embedding"] == "ho", "frequency_shift": int(told["embedding"] == "ho")}
    if "qkv_order" in told:
        found["new_attention_order"] = told["qkv_order"] == "new"
    return found
