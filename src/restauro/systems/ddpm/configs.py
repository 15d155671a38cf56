"""What diffusers' config files say of a pixel prior, in our words and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from restauro.core.errors import WeightsError
from restauro.diffusion.betas import KINDS, betas_of
from restauro.systems._diffusers import PREDICTIONS, only
from restauro.weights.passports import Passport

Config = Mapping[str, Any]

NETWORK = "UNet2DModel"
ONLY: Mapping[str, tuple[Any, ...]] = {
    "_class_name": (NETWORK,),
    "act_fn": ("silu", "swish"),
    "time_embedding_type": ("positional",),
    "center_input_sample": (False,),
    "mid_block_scale_factor": (1, 1.0),
    "class_embed_type": (None,),
}
"""Settings of the network that ours has no switch for: the values that it always has. Shapes tell the remaining ones."""
SCHEDULER_ONLY: Mapping[str, tuple[Any, ...]] = {
    "trained_betas": (None,),
    "thresholding": (False,),
    "clip_sample_range": (1, 1.0),
    "rescale_betas_zero_snr": (False,),
}
SCHEDULES = {"linear": "ho-linear", "scaled_linear": "ho-quad", "squaredcos_cap_v2": "cosine", "sigmoid": "sigmoid"}
RULES = {ours: theirs for theirs, ours in SCHEDULES.items()} | {
    "openai-linear": "linear",
    "sr3-linear": "linear",
    "sd-scaled-linear": "scaled_linear",
}
VARIANCES = {
    "fixed_small": "fixed_small_clipped",
    "fixed_small_log": "fixed_small_clipped",
    "fixed_large": "fixed_large",
    "fixed_large_log": "fixed_large",
    "learned": "learned",
    "learned_range": "learned_range",
}


def network_said(config: Config) -> dict[str, Any]:
    """The arguments of our U-Net that a network's config.json tells; absent settings are diffusers' own.

    `WeightsError` for a setting that our U-Net cannot follow.
    """
    only(config, ONLY, NETWORK)
    groups, attended = config.get("norm_num_groups", 32), config.get("attn_norm_num_groups")
    if attended not in (None, groups):
        raise WeightsError(f"{NETWORK} with attn_norm_num_groups {attended} beside norm_num_groups {groups} is not supported")
    width = config.get("attention_head_dim", 8)
    return {
        "num_heads": 1,
        "num_head_channels": width,
        "groups": groups,
        "eps": float(config.get("norm_eps", 1e-5)),
        "padding": "both" if config.get("downsample_padding", 1) else "same",
        "sines_first": not config.get("flip_sin_to_cos", True),
        "frequency_shift": int(config.get("freq_shift", 0)),
        "dropout": float(config.get("dropout", 0.0)),
    }


def training_said(config: Config) -> dict[str, Any]:
    """The facts of a passport that a scheduler_config.json tells. `WeightsError` for a training that ours knows not."""
    only(config, SCHEDULER_ONLY, "a scheduler")
    facts: dict[str, Any] = {"steps": int(config.get("num_train_timesteps", 1000)), "clip": bool(config.get("clip_sample", True))}
    words = (("schedule", "beta_schedule", SCHEDULES, None), ("prediction", "prediction_type", PREDICTIONS, "epsilon"))
    for fact, setting, known, absent in (*words, ("variance", "variance_type", VARIANCES, "fixed_small")):
        said = config.get(setting, absent)
        if said not in known:
            raise WeightsError(f"the scheduler's {setting} {said!r} is not supported; known: {', '.join(known)}")
        facts[fact] = known[said]
    kind = KINDS[facts["schedule"]]
    ends = [float(config.get(name, usual)) for name, usual in (("beta_start", 1e-4), ("beta_end", 0.02))]
    if kind.start is not None and ends != [kind.start, kind.end]:
        facts["ends"] = ends
    return facts


def network_config(arguments: Mapping[str, Any], size: int, width: int | None) -> dict[str, Any]:
    """config.json of a U-Net with these arguments, all of them. width: of every attention's head; None: one head each."""
    attended = [2**level in arguments["attention"] for level in range(len(arguments["channel_mult"]))]
    inside = "resnet" if arguments["resblock_updown"] else "conv"

    def kinds(direction: str, order: list[bool]) -> list[str]:
        plain = f"{'Resnet' if arguments['resblock_updown'] else ''}{direction}{'sample' if arguments['resblock_updown'] else ''}"
        return [f"Attn{direction}Block2D" if attends else f"{plain}Block2D" for attends in order]

    return {
        "_class_name": NETWORK,
        "act_fn": "silu",
        "add_attention": arguments["middle_attention"],
        "attention_head_dim": width,
        "attn_norm_num_groups": arguments["groups"],
        "block_out_channels": [round(m * arguments["model_channels"]) for m in arguments["channel_mult"]],
        "center_input_sample": False,
        "down_block_types": kinds("Down", attended),
        "downsample_padding": 0 if arguments["padding"] == "same" else 1,
        "downsample_type": inside,
        "dropout": arguments["dropout"],
        "flip_sin_to_cos": not arguments["sines_first"],
        "freq_shift": arguments["frequency_shift"],
        "in_channels": arguments["in_channels"],
        "layers_per_block": arguments["num_res_blocks"],
        "mid_block_scale_factor": 1,
        "norm_eps": arguments["eps"],
        "norm_num_groups": arguments["groups"],
        "out_channels": arguments["out_channels"],
        "resnet_time_scale_shift": "scale_shift" if arguments["scale_shift"] else "default",
        "sample_size": size,
        "time_embedding_type": "positional",
        "up_block_types": kinds("Up", attended[::-1]),
        "upsample_type": inside,
    }


def scheduler_config(passport: Passport) -> dict[str, Any]:
    """scheduler_config.json of a prior. `WeightsError` where diffusers has no word for what it predicts."""
    word = {ours: theirs for theirs, ours in reversed(PREDICTIONS.items())}.get(passport.prediction)
    if word is None:
        raise WeightsError(f"diffusers has no word for a prior that predicts {passport.prediction!r}")
    kind, steps = KINDS[passport.schedule], passport.steps or 1000
    if passport.schedule not in RULES:  # diffusers takes any betas as a list
        noise: dict[str, Any] = {"trained_betas": betas_of(passport.schedule, steps, *passport.ends).tolist()}
    else:
        scale = 1000 / steps if passport.schedule == "openai-linear" else 1.0
        ends = [scale * end for end in passport.ends or (kind.start, kind.end) if end is not None]
        noise = {"beta_schedule": RULES[passport.schedule], **dict(zip(("beta_start", "beta_end"), ends))}
    variance = "fixed_small" if "small" in passport.variance else passport.variance
    return {
        "_class_name": "DDPMScheduler",
        "num_train_timesteps": steps,
        **noise,
        "prediction_type": word,
        "variance_type": variance or "fixed_small",
        "clip_sample": passport.clip,
    }
