"""The networks of DiffBIR: U-Net with IRControlNet, autoencoder, text tower, first stages. One file holds them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from restauro.networks.autoencoder_kl import AutoencoderKL
from restauro.networks.ircontrolnet import IRControlNet
from restauro.networks.rrdb import OLD, RRDBNet, from_old_names
from restauro.networks.scunet import SCUNet
from restauro.networks.swinir import SwinIR
from restauro.networks.text_tower import TextTower
from restauro.networks.unet import UNet
from restauro.restorers.smooth import OnePass
from restauro.restorers.strips import Strips
from restauro.systems.diffbir import published_tiles
from tests.goldens.runner import Case, close, fill, formula_weights, handles

Settings = Mapping[str, Any]
Named = Callable[[str], Tensor]


def near(actual: Tensor, expected: Tensor, what: str = "") -> None:
    close(actual, expected, abs=2e-4, rel=2e-4, what=what)


@handles("diffbir", "networks")
@torch.no_grad()
def networks(case: Case) -> None:
    last: Settings = {}
    for settings in case.config:
        name = settings["name"]
        kind = next((kind for kind in CHECKS if settings.get(kind) or name == kind), None)
        if case.offered(name, settings):
            assert kind is not None, f"{name}: nobody checks it"
            last = {**last, **settings}
            CHECKS[kind](last, partial(_read, case, name))


def _read(case: Case, name: str, array: str) -> Tensor:
    return case.tensor(f"{name}/{array}")


def unet_arguments(upstream: Settings) -> dict[str, Any]:
    assert upstream["use_spatial_transformer"] and upstream["use_linear_in_transformer"] and upstream["transformer_depth"] == 1
    same = {name: upstream[name] for name in ("in_channels", "model_channels", "channel_mult", "num_res_blocks")}
    ours = {"attention": upstream["attention_resolutions"], "context": upstream["context_dim"], "scale_shift": False}
    return {**same, **ours, "num_head_channels": upstream["num_head_channels"]}


def unet(settings: Settings) -> UNet:
    upstream = settings["unet"]
    network: UNet = fill(UNet(out_channels=upstream["out_channels"], **unet_arguments(upstream)))
    return network


def control_net(settings: Settings) -> IRControlNet:
    upstream = settings["controlnet"]
    return IRControlNet(hint_channels=upstream["hint_channels"], **unet_arguments(upstream))


def check_control(settings: Settings, read: Named) -> None:
    x, t, context = read("x"), read("t"), read("context")
    network = unet(settings)
    told = fill(control_net(settings))(x, read("hint"), t, context)
    for number, one in enumerate(told):
        near(one, read(f"control_{number:02d}"), what=f"control {number}")
    assert len(told) == len(settings["scales"])
    silent = [torch.zeros_like(one) for one in told]
    controls: dict[str, list[Tensor]] = {
        "unet_alone": [],
        "unet_control1": told,
        "unet_control0.5": [one / 2 for one in told],
        "unet_only_mid": [*silent[:-1], told[-1]],
        "unet_scales": [scale * one for scale, one in zip(settings["scales"], told, strict=True)],
    }
    for name, control in controls.items():
        near(network(x, t, context=context, control=control), read(name), what=name)


def check_begin(settings: Settings, read: Named) -> None:
    network, prior = control_net(settings), unet(settings)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    network.begin(prior)
    ours, theirs = network.state_dict(), prior.state_dict()
    assert sorted(ours.keys() - theirs.keys()) == settings["from_scratch"]
    assert [key for key in ours if key in theirs and ours[key].shape != theirs[key].shape] == settings["widened"]
    for key, value in ours.items():
        if key not in settings["widened"]:
            assert torch.equal(value, theirs.get(key, before[key])), key
    near(ours["input_blocks.0.0.weight"], read("first_conv_weight"))


def autoencoder(settings: Settings) -> AutoencoderKL:
    upstream = settings["vae"]["ddconfig"]
    assert upstream["double_z"] and not upstream["attn_resolutions"] and settings["vae"]["embed_dim"] == upstream["z_channels"]
    network: AutoencoderKL = fill(
        AutoencoderKL(upstream["z_channels"], upstream["ch"], upstream["ch_mult"], upstream["num_res_blocks"])
    )
    return network


def check_autoencoder(settings: Settings, read: Named) -> None:
    network, scale = autoencoder(settings), settings["scale_factor"]
    mean, logvar = network.encode(read("image"))
    near(mean, read("mean"))
    near(logvar, read("logvar"))
    near(scale * mean, read("mode_scaled"))
    near(network.decode(read("z_scaled") / scale), read("decoded"))


def check_tiles(settings: Settings, read: Named) -> None:
    """In tiles as published, and in strips, which are the whole."""
    network, picture, latents = autoencoder(settings), read("image").float(), read("z")
    crop = ..., slice(184, 248), slice(60, 124)
    near(published_tiles.encoded(network, picture, settings["enc_tile"]), read("enc_tiled"))
    near(published_tiles.decoded(network, latents, settings["dec_tile"])[crop], read("dec_tiled_crop"))
    with Strips(torch.device("cpu")):
        near(network.encoder(picture), read("enc_full"))
        near(network.decode(latents)[crop], read("dec_full_crop"))


def check_text(settings: Settings, read: Named) -> None:
    assert settings["clip"]["layer"] == "penultimate"
    upstream = settings["clip"]["text_cfg"]
    sizes = {"length": upstream["context_length"], "vocabulary": upstream["vocab_size"]}
    network = nn.ModuleDict({"model": TextTower(upstream["width"], upstream["layers"] - 1, upstream["heads"], **sizes)})
    near(fill(network)["model"](read("tokens")), read("out"))


def check_swinir(settings: Settings, read: Named) -> None:
    upstream = settings["swinir"]
    (heads,) = set(upstream["num_heads"])
    assert upstream["unshuffle"] and upstream["sf"] == upstream["unshuffle_scale"] and upstream["img_range"] == 1
    assert (upstream["resi_connection"], upstream["upsampler"]) == ("1conv", "nearest+conv")
    sizes = {"window": upstream["window_size"], "inner": upstream["mlp_ratio"], "unshuffle": upstream["sf"]}
    network = fill(SwinIR(upstream["embed_dim"], upstream["depths"], heads, **sizes))
    near(restored(network, read("in")), read("out"))


def check_rrdb(settings: Settings, read: Named) -> None:
    upstream = settings["bsrnet"]
    assert (upstream["in_nc"], upstream["out_nc"]) == (3, 3)
    sizes = {"mid_channels": upstream["nf"], "num_blocks": upstream["nb"], "growth_channels": upstream["gc"]}
    network = RRDBNet(scale=upstream["sf"], **sizes)
    theirs = {ours: theirs for theirs, ours in OLD.items()}
    named = {".".join(theirs.get(part, part) for part in key.split(".")): w.shape for key, w in network.state_dict().items()}
    weights = {key: torch.from_numpy(formula_weights(key, tuple(shape))) for key, shape in named.items()}
    network.load_state_dict(from_old_names(weights))
    near(network.eval()(read("in")), read("out"))


def check_scunet(settings: Settings, read: Named) -> None:
    upstream = settings["scunet"]
    assert upstream["in_nc"] == 3
    near(restored(fill(SCUNet(upstream["dim"], upstream["config"])), read("in")), read("out"))


def restored(network: nn.Module, picture: Tensor) -> Tensor:
    """As the product does, pictures in [-1, 1], padding by repetition."""
    answer = OnePass(network, (0.0, 1.0), network.multiple)(2 * picture - 1)  # type: ignore[arg-type]
    return (answer + 1) / 2


CHECKS: dict[str, Callable[[Settings, Named], None]] = {
    "controlnet": check_control,
    "init_from_unet": check_begin,
    "vae": check_autoencoder,
    "vaetile": check_tiles,
    "clip": check_text,
    "swinir": check_swinir,
    "bsrnet": check_rrdb,
    "scunet": check_scunet,
}
