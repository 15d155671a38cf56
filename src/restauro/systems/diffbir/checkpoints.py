"""Official files of DiffBIR v1, v2 and v2.1: the second stage, the first stages, and Stable Diffusion 2.1, on which they stand.

Names and shapes tell what a network is, but not of which release a second stage is, nor what the prior beside it predicts: a
wrong pair paints garbage. The name of the file tells, or whoever imports it (`--version`; `--prediction` and `--schedule`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from torch import Tensor

from restauro.networks.autoencoder_kl import autoencoder_arguments
from restauro.networks.ircontrolnet import control_arguments
from restauro.networks.rrdb import from_old_names, rrdb_arguments
from restauro.networks.scunet import scunet_arguments
from restauro.networks.swinir import swinir_arguments
from restauro.networks.text_tower import text_arguments, used
from restauro.networks.unet import unet_arguments
from restauro.systems.diffbir.configs import autoencoder_configured, prior_configured, text_configured
from restauro.systems.diffbir.keys import (
    autoencoder_from_diffusers,
    text_from_transformers,
    unet_from_diffusers,
    unet_to_diffusers,
)
from restauro.weights.declared import RELEASES
from restauro.weights.passports import Passport
from restauro.weights.recognise import Layout

Tensors = Mapping[str, Tensor]

APACHE = "{} is Apache-2.0, code and weights"
STABLE = "Stable Diffusion 2.1 is under the CreativeML Open RAIL++-M licence, which restricts its use"
LAION = "LAION-5B"
FFHQ = "FFHQ (Flickr faces; CC BY-NC-SA 4.0)"
DATA = {"v1": "ImageNet", "v2": "a subset of LAION-2B", "v2.1": "a selection of Unsplash"}

PARTS = {
    "model.diffusion_model.": "prior",
    "first_stage_model.": "autoencoder",
    "cond_stage_model.model.": "text",
    "control_model.": "control",
    "preprocess_model.": "cleaner",
}
"""In Stable Diffusion's file, and in DiffBIR v1's, which holds all five."""


def prior_passport(tensors: Tensors) -> Passport:
    return Passport(
        name="sd21-prior",
        what="Stable Diffusion 2.1's prior of latents",
        kind="latent-prior",
        architecture="unet",
        arguments=unet_arguments(tensors),
        steps=1000,
        clip=False,
        size=512,
        training_data=LAION,
        licence=STABLE,
    )


def prior_placed(passport: Passport, place: str) -> Passport:
    """v2-1_512-ema-pruned and v1's own file predict noise; sd2.1-base-zsnr, with which v2.1 goes, predicts v. What a config file
    says of a folder's prior is believed."""
    if passport.prediction:
        return passport
    if "zsnr" in place:
        release = RELEASES["v2.1"]
    elif re.search(r"v2-1_512|_full_v1", place):
        release = RELEASES["v2"]
    else:
        return passport
    name = passport.name + ("-zsnr" if "zsnr" in place else "")
    return msgspec.structs.replace(passport, name=name, prediction=release[0], schedule=release[1])


def prior_by_diffusers(passport: Passport, ours: Tensors) -> tuple[Passport, dict[str, Tensor]]:
    """Run by diffusers' class, under whose names its tensors are kept."""
    blocks, attended = passport.arguments["num_res_blocks"], passport.arguments["attention"]
    theirs = unet_to_diffusers(ours, blocks, [level for level in range(len(blocks)) if 2**level in attended])
    return msgspec.structs.replace(passport, architecture="unet-diffusers"), {
        f"network.{key}": value for key, value in theirs.items()
    }


def control_passport(tensors: Tensors) -> Passport:
    return Passport(
        name="diffbir-control",
        what="DiffBIR's second stage (IRControlNet)",
        kind="latent-control",
        architecture="ircontrolnet",
        arguments=control_arguments(tensors),
        size=512,
        licence=APACHE.format("DiffBIR"),
    )


def control_placed(passport: Passport, place: str) -> Passport:
    """v1_general.pth, v1_face.pth, general_full_v1.ckpt, face_full_v1.ckpt, v2.pth, DiffBIR_v2.1.pt."""
    file = place.rpartition("/")[2]
    found = re.search(r"(?:^|_)(v1|v2\.1|v2)(?=[._](?!\d))", file)
    if found is None:
        return passport
    version, (prediction, schedule) = found[1], RELEASES[found[1]]
    face = version == "v1" and "face" in file
    data = FFHQ if face else DATA[version]
    return msgspec.structs.replace(
        passport,
        name=f"diffbir-{version}{'-face' if face else ''}-control",
        version=version,
        prediction=prediction,
        schedule=schedule,
        face_template="ffhq512" if face else "",
        training_data=data,
        licence=f"{passport.licence}; trained on {data}",
    )


def autoencoder_passport(tensors: Tensors) -> Passport:
    return Passport(
        name="sd21-autoencoder",
        what="Stable Diffusion's autoencoder",
        kind="latent-autoencoder",
        architecture="autoencoder-kl",
        arguments=autoencoder_arguments(tensors),
        licence=STABLE,
    )


def text_passport(tensors: Tensors) -> Passport:
    return Passport(
        name="sd21-text",
        what="OpenCLIP's text tower, all its blocks but the last, as Stable Diffusion 2 uses it",
        kind="text-tower",
        architecture="text-tower",
        arguments=text_arguments(tensors),
        training_data=LAION,
        licence=f"OpenCLIP is MIT; in {STABLE}",
    )


def text_folder_passport(theirs: Tensors) -> Passport:
    """transformers' file, which has only what is used: the last block, too."""
    ours = text_from_transformers(theirs)
    passport = text_passport(ours)
    return msgspec.structs.replace(passport, arguments={**passport.arguments, "blocks": passport.arguments["blocks"] + 1})


def swinir_passport(tensors: Tensors) -> Passport:
    return _cleaner("diffbir-swinir", "SwinIR", "swinir", swinir_arguments(tensors), "DiffBIR")


def swinir_placed(passport: Passport, place: str) -> Passport:
    """Of four alike: face_swinir_v1 and face_full_v1 clean aligned faces; general_swinir_v1 and general_full_v1,
    codeformer_swinir, with which second stages were trained, and v2.1's realesrgan_s4_swinir_100k anything."""
    found = re.search(r"(face|general)_(?:swinir|full)_v1|(codeformer)_swinir", place)
    if found is None:
        return passport
    word = found[1] or found[2]
    if word != "face":
        return msgspec.structs.replace(passport, name=f"{passport.name}-{'v1' if word == 'general' else word}")
    face = {"name": f"{passport.name}-face", "face_template": "ffhq512", "size": 512, "training_data": FFHQ}
    return msgspec.structs.replace(passport, **face, licence=f"{passport.licence}; trained on {FFHQ}")


def scunet_passport(tensors: Tensors) -> Passport:
    return _cleaner("scunet", "SCUNet", "scunet", scunet_arguments(tensors), "SCUNet")


def bsrnet_passport(tensors: Tensors) -> Passport:
    arguments = rrdb_arguments(from_old_names(tensors))
    return _cleaner(f"bsrnet-x{arguments['scale']}", "an RRDB network (BSRNet)", "rrdb", arguments, "BSRGAN")


def _cleaner(name: str, what: str, architecture: str, arguments: dict[str, Any], code: str) -> Passport:
    return Passport(
        name=name,
        what=f"{what}, a first stage of DiffBIR",
        kind="upscaler" if arguments.get("scale", 1) > 1 else "restorer",
        architecture=architecture,
        arguments=arguments,
        prediction="clean",
        range=(0.0, 1.0),
        licence=APACHE.format(code),
    )


def without_tables(tensors: Tensors) -> dict[str, Tensor]:
    """What SwinIR computes from its sizes is in its files, too."""
    return {key: value for key, value in tensors.items() if not key.endswith(("relative_position_index", "attn_mask"))}


BLOCK = "layers.0.residual_group.blocks.0.attn"
LAYOUTS = (
    Layout(
        "a prior of Stable Diffusion 2",
        (
            "time_embed.0.weight",
            "input_blocks.0.0.weight",
            "middle_block.1.transformer_blocks.0.attn2.to_k.weight",
            "output_blocks.0.0.in_layers.0.weight",
            "out.2.weight",
        ),
        prior_passport,
        placed=prior_placed,
        wanting=("prediction", "schedule"),
        by={"diffusers": prior_by_diffusers},
    ),
    Layout(
        "a second stage of DiffBIR",
        ("time_embed.0.weight", "input_blocks.0.0.weight", "zero_convs.0.0.weight", "middle_block_out.0.weight"),
        control_passport,
        placed=control_placed,
        wanting=("version",),
    ),
    Layout(
        "an autoencoder of latent diffusion",
        (
            "encoder.down.0.block.0.norm1.weight",
            "encoder.mid.attn_1.q.weight",
            "decoder.up.0.block.0.conv1.weight",
            "quant_conv.weight",
            "post_quant_conv.weight",
        ),
        autoencoder_passport,
        take=("encoder.", "decoder.", "quant_conv.", "post_quant_conv."),
    ),
    Layout(
        "OpenCLIP's text tower",
        (
            "token_embedding.weight",
            "positional_embedding",
            "transformer.resblocks.0.attn.in_proj_weight",
            "transformer.resblocks.0.mlp.c_fc.weight",
            "ln_final.weight",
        ),
        text_passport,
        network=used,
    ),
    Layout(
        "a prior of Stable Diffusion 2 in diffusers' layout",
        (
            "time_embedding.linear_1.weight",
            "conv_in.weight",
            "down_blocks.0.resnets.0.conv1.weight",
            "mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight",
            "conv_norm_out.weight",
        ),
        lambda theirs: prior_passport(unet_from_diffusers(theirs)),
        network=unet_from_diffusers,
        configured=prior_configured,
        placed=prior_placed,
        wanting=("prediction", "schedule"),
        by={"diffusers": prior_by_diffusers},
    ),
    Layout(
        "an autoencoder of latent diffusion in diffusers' layout",
        (
            "encoder.down_blocks.0.resnets.0.norm1.weight",
            "encoder.mid_block.attentions.0.group_norm.weight",
            "decoder.up_blocks.0.resnets.0.conv1.weight",
            "quant_conv.weight",
            "post_quant_conv.weight",
        ),
        lambda theirs: autoencoder_passport(autoencoder_from_diffusers(theirs)),
        network=autoencoder_from_diffusers,
        configured=autoencoder_configured,
    ),
    Layout(
        "CLIP's text tower in transformers' layout",
        (
            "text_model.embeddings.token_embedding.weight",
            "text_model.embeddings.position_embedding.weight",
            "text_model.encoder.layers.0.self_attn.q_proj.weight",
            "text_model.encoder.layers.0.mlp.fc1.weight",
            "text_model.final_layer_norm.weight",
        ),
        text_folder_passport,
        network=text_from_transformers,
        configured=text_configured,
    ),
    Layout(
        "DiffBIR's SwinIR",
        (
            "conv_first.1.weight",
            "patch_embed.norm.weight",
            f"{BLOCK}.qkv.weight",
            "conv_before_upsample.0.weight",
            "conv_hr.weight",
        ),
        swinir_passport,
        network=without_tables,
        placed=swinir_placed,
    ),
    Layout(
        "SCUNet",
        ("m_head.0.weight", "m_down1.0.conv1_1.weight", "m_body.0.trans_block.ln1.weight", "m_up3.0.weight", "m_tail.0.weight"),
        scunet_passport,
    ),
    Layout(
        "an RRDB network in ESRGAN's first layout",
        ("conv_first.weight", "RRDB_trunk.0.RDB1.conv1.weight", "trunk_conv.weight", "upconv1.weight", "HRconv.weight"),
        bsrnet_passport,
        network=from_old_names,
    ),
)
