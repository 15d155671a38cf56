"""The networks of Old Photos: VAE, mappings, critics, scratch detector."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import nn

from restauro.networks.latent_mapping import HighResMapping, LatentMapping, ScratchMapping
from restauro.networks.multiscale_critic import MultiscaleCritic
from restauro.networks.partial_nonlocal import PartialNonLocal
from restauro.networks.patch_attention import PatchAttention
from restauro.networks.photo_vae import PhotoVAE
from restauro.networks.scratch_detector import ScratchDetector
from restauro.networks.spade import SpadeBlock, SpadeGenerator
from restauro.networks.spectral import SpectralConv2d
from tests.goldens.pix2pix_networks import wave
from tests.goldens.runner import Case, close, fill, handles


def vae(config: dict[str, Any]) -> PhotoVAE:
    """Of upstream's arguments: what n_down counts last is a stride only where spatio_size is 32."""
    deep = config["spatio_size"] == 32
    strides = config["n_down"] - (0 if deep else 1)
    bottleneck = max(config["feat_dim"], 0)
    return PhotoVAE(config["ngf"], config["mc"], strides, config["start_r"], deep, config["k_size"], bottleneck)


def exact(module: nn.Module) -> Any:
    """Filled; a spectrally normed weight has its leading singular vectors, as in the README."""
    module = fill(module, keep=("weight_u", "weight_v"))
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, SpectralConv2d):
                u, _, v = torch.linalg.svd(part.weight_orig.flatten(1), full_matrices=False)
                part.weight_u.copy_(u[:, 0])
                part.weight_v.copy_(v[0])
    return module


@handles("oldphotos_pix2pix", "op_vae")
@torch.no_grad()
def vae_flows(case: Case) -> None:
    network, x = fill(vae(case.config)), case.tensor("x")
    latent = network.encode(x)
    close(latent, case["latent"], abs=1e-4, rel=1e-4)
    close(network.decode(case.tensor("latent")), case["decoded_mean"], abs=1e-4, rel=1e-4)
    close(network(x, case.tensor("eps")), case["decoded_sample"], abs=1e-4, rel=1e-4)
    close(network(x), case["full"], abs=1e-4, rel=1e-4)
    close(latent.square().mean(), case["kl"], rel=1e-4)


@handles("oldphotos_pix2pix", "op_disc")
@torch.no_grad()
def critic(case: Case) -> None:
    config = case.config
    network = MultiscaleCritic(config["input_nc"], config["ndf"], config["n_layers"], config["num_D"], config["spectral"])
    answer = exact(network)(case.tensor("x"))
    maps = {f"s{scale}_l{layer}": one for scale, maps in enumerate(answer) for layer, one in enumerate(maps)}
    assert {"x", *maps} == set(case.arrays)
    for name, one in maps.items():
        close(one, case[name], abs=5e-5, rel=1e-4, what=name)


@handles("oldphotos_pix2pix", "op_detector")
@torch.no_grad()
def detector(case: Case) -> None:
    config, x = case.config, case.tensor("x")
    assert config["antialiasing"], "a detector without blur is not described"
    arguments = (config["depth"], config["conv_num"], config["batch_norm"], config["up_mode"], config["with_tanh"])
    logits = fill(ScratchDetector(x.shape[1], 2 ** config["wf"], *arguments), keep=("filt",))(x)
    close(logits, case["logits"], abs=1e-4, rel=1e-4)
    close(logits.sigmoid(), case["prob"], abs=1e-4, rel=1e-4)


@handles("oldphotos_pix2pix", "op_mapping_plain")
@torch.no_grad()
def plain_mapping(case: Case) -> None:
    config, x = case.config, case.tensor("x")
    bottleneck = max(config["feat_dim"], 0)
    network = fill(LatentMapping(x.shape[1], config["mc"], config["n_blocks"], config["dilation"], bottleneck))
    close(network(x), case["y"], abs=1e-4, rel=1e-4)


@handles("oldphotos_pix2pix", "op_mapping_nl")
@torch.no_grad()
def scratch_mapping(case: Case) -> None:
    x, mask = case.tensor("x"), case.tensor("mask", torch.float32)
    network = fill(ScratchMapping(x.shape[1], case.config["mc"], case.config["n_blocks"]))
    close(network(x, mask, sampled=True), case["y"], abs=1e-4, rel=1e-4)
    close(network(x, torch.zeros_like(mask), sampled=True), case["y_empty"], abs=1e-4, rel=1e-4)


@handles("oldphotos_pix2pix", "op_mapping_hr")
@torch.no_grad()
def high_res_mapping(case: Case) -> None:
    x = case.tensor("x")
    answer = fill(HighResMapping(x.shape[1], case.config["mc"]))(x, case.tensor("mask", torch.float32), sampled=True)
    close(answer, case["y_train"], abs=2e-4, rel=2e-4)
    close(answer, case["y_infer"], abs=2e-4, rel=2e-4)


@handles("oldphotos_pix2pix", "op_nl_")
@torch.no_grad()
def partial_nonlocal(case: Case) -> None:
    config, x = case.config, case.tensor("x")
    assert config["mode"] == "combine", "upstream's other mode raises"
    options = {"own": config["use_self"], "cosine": config["cosin"], "temperature": config["temperature"]}
    network = fill(PartialNonLocal(config["channels"], renormalise=config["re_norm"], **options))
    masks = [name.removeprefix("mask_") for name in case.arrays if name.startswith("mask_")]
    for name in masks:
        answer = network(x, case.tensor(f"mask_{name}", torch.float32), sampled=True)
        close(answer, case[f"y_{name}"], abs=2e-5, rel=1e-4, what=name)


@handles("oldphotos_pix2pix", "op_patch_attention")
@torch.no_grad()
def patch_attention(case: Case) -> None:
    z, mask = case.tensor("z"), case.tensor("mask", torch.float32)
    network = fill(PatchAttention(case.config["channels"], case.config["patch"]))
    for name in (name for name in case.arrays if name.startswith("y_")):
        shown = torch.zeros_like(mask) if name.endswith("_empty") else mask
        close(network(z, shown, sampled=True), case[name], abs=5e-5, rel=1e-4, what=name)


@handles("oldphotos_pix2pix", "op_spade_block")
@torch.no_grad()
def spade_block(case: Case) -> None:
    config, feat, face, parsing = case.config, *(case.tensor(name, torch.float32) for name in ("feat", "image", "seg"))
    plain = exact(SpadeBlock(config["fin"], config["fout"], face.shape[1]))
    close(plain(feat, face), case["y"], abs=5e-5, rel=1e-4)
    close(plain.norm_0(feat, face), case["spade"], abs=5e-5, rel=1e-4)
    both = exact(SpadeBlock(config["fin"], config["fout_parsing"], parsing.shape[1] + face.shape[1]))
    close(both(feat, face, parsing), case["y_parsing"], abs=5e-5, rel=1e-4)


@handles("oldphotos_pix2pix", "op_spade_gen")
@torch.no_grad()
def spade_generator(case: Case) -> None:
    config = case.config
    parsing = None if config["no_parsing_map"] else case.tensor("seg", torch.float32)
    parts, levels, stride = 0 if parsing is None else parsing.shape[1], config["num_upsampling_layers"], config["stride"]
    found = re.fullmatch(r"wave\(\(([\d,]+)\), ([\d.]+)\)", config["input"])
    assert found is not None
    face = wave(tuple(map(int, found[1].split(","))), float(found[2]))
    answer = exact(SpadeGenerator(config["ngf"], parts, levels))(face, parsing)
    close(answer[..., ::stride, ::stride], case["y"], abs=2e-4, rel=2e-4)
    stats = torch.stack([answer.mean(), answer.std(correction=0), answer.min(), answer.max()])
    close(stats, case["y_stats_64"], abs=2e-4, rel=2e-4)
