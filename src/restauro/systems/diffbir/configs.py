"""What the config files of a Stable Diffusion folder say, as diffusers and transformers write them, in the words of passports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from restauro.core.errors import WeightsError
from restauro.systems._diffusers import PREDICTIONS, only
from restauro.weights.declared import RELEASES
from restauro.weights.passports import Passport

Config = Mapping[str, Any]
Configs = Mapping[str, Config]

PRIOR: Mapping[str, tuple[Any, ...]] = {
    "_class_name": ("UNet2DConditionModel",),
    "act_fn": ("silu", "swish"),
    "addition_embed_type": (None,),
    "center_input_sample": (False,),
    "class_embed_type": (None,),
    "conv_in_kernel": (3,),
    "conv_out_kernel": (3,),
    "downsample_padding": (1,),
    "dual_cross_attention": (False,),
    "encoder_hid_dim_type": (None,),
    "flip_sin_to_cos": (True,),
    "freq_shift": (0,),
    "mid_block_scale_factor": (1, 1.0),
    "norm_eps": (1e-5,),
    "only_cross_attention": (False,),
    "resnet_time_scale_shift": ("default",),
    "time_embedding_type": ("positional",),
}
"""Settings for which ours has no switch: the values that it always has. Shapes tell the remaining ones."""
AUTOENCODER: Mapping[str, tuple[Any, ...]] = {
    "_class_name": ("AutoencoderKL",),
    "act_fn": ("silu", "swish"),
    "mid_block_add_attention": (True,),
    "shift_factor": (None,),
    "use_post_quant_conv": (True,),
    "use_quant_conv": (True,),
}
TEXT: Mapping[str, tuple[Any, ...]] = {"hidden_act": ("gelu",), "layer_norm_eps": (1e-5,)}
NOISE: Mapping[str, tuple[Any, ...]] = {
    "beta_schedule": ("scaled_linear",),
    "beta_start": (0.00085,),
    "beta_end": (0.012,),
    "num_train_timesteps": (1000,),
    "trained_betas": (None,),
}
FACTOR = 8
"""Pixels of a side that are one latent in Stable Diffusion."""
SCALE = 0.18215


def prior_configured(passport: Passport, said: Configs) -> Passport:
    """Heads, groups and size as config.json says; prediction and schedule as scheduler_config.json does."""
    network, noise = said.get("config.json", {}), said.get("scheduler_config.json")
    only(network, PRIOR, "a prior of latents")
    widths = [round(one * passport.arguments["model_channels"]) for one in passport.arguments["channel_mult"]]
    # what diffusers calls the heads' width there is their number
    heads = network.get("num_attention_heads") or network.get("attention_head_dim", 8)
    counts = heads if isinstance(heads, list) else [heads] * len(widths)
    sizes = {width // count for width, count in zip(widths, counts, strict=True)}
    if len(sizes) > 1 and len(set(counts)) > 1:
        raise WeightsError(f"a prior of latents with attention_head_dim {heads} is not supported")
    own = {"num_head_channels": sizes.pop()} if len(sizes) == 1 else {"num_heads": counts[0], "num_head_channels": None}
    arguments = {**passport.arguments, **own} | _groups(network)
    side = network.get("sample_size")
    size = FACTOR * side if isinstance(side, int) else passport.size
    passport = msgspec.structs.replace(passport, arguments=arguments, size=size)
    return passport if noise is None else _trained(passport, noise)


def _trained(passport: Passport, noise: Config) -> Passport:
    only(noise, NOISE, "a scheduler of a prior of latents")
    prediction = PREDICTIONS.get(noise.get("prediction_type", "epsilon"))
    if prediction is None:
        raise WeightsError(f"the scheduler's prediction_type {noise['prediction_type']!r} is not supported")
    release = "v2.1" if noise.get("rescale_betas_zero_snr") else "v2"
    told = prediction, RELEASES[release][1]
    word = "-zsnr" if told == RELEASES["v2.1"] else "" if told == RELEASES["v2"] else f"-{prediction}"
    return msgspec.structs.replace(passport, name=f"{passport.name}{word}", prediction=told[0], schedule=told[1])


def autoencoder_configured(passport: Passport, said: Configs) -> Passport:
    network = said.get("config.json", {})
    only(network, AUTOENCODER, "an autoencoder")
    scale = float(network.get("scaling_factor", SCALE))
    own = {} if scale == SCALE else {"scale": scale}
    return msgspec.structs.replace(passport, arguments={**passport.arguments, **own} | _groups(network))


def text_configured(passport: Passport, said: Configs) -> Passport:
    network = said.get("config.json", {})
    only(network, TEXT, "a text tower")
    heads = int(network.get("num_attention_heads", passport.arguments["heads"]))
    return msgspec.structs.replace(passport, arguments={**passport.arguments, "heads": heads})


def _groups(network: Config) -> dict[str, Any]:
    """Where they are not the customary ones."""
    groups = int(network.get("norm_num_groups", 32))
    return {} if groups == 32 else {"groups": groups}
