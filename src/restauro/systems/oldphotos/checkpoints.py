"""Official files of Bringing Old Photos Back to Life: checkpoints/restoration/*, checkpoints/detection, the face generators.

Names and shapes tell everything but which VAE is which: those of old and of clean pictures have the same names. The folder does
(VAE_A_quality, VAE_B_scratch, ...), or whoever imports them (`--domain`). The two face generators are told by theirs, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from torch import Tensor

from restauro.weights.passports import Passport
from restauro.weights.recognise import Layout

LICENCE = "the authors' own files are MIT (Microsoft), code and weights; trained on {}"
SYNTHETIC = "Pascal VOC, degraded (its pictures are under Flickr's terms)"
OLD = f"old photographs that were not published, and {SYNTHETIC}"
FACES = "aligned faces; which ones was not published"

Tensors = Mapping[str, Tensor]


def vae_passport(tensors: Tensors) -> Passport:
    latent, width = tensors["encoder.7.weight"].shape[0], tensors["encoder.1.weight"].shape[0]
    arguments = {"width": int(width), "latent": int(latent), "kernel": int(tensors["encoder.7.weight"].shape[2])}
    return Passport(
        name="old-photos-vae",
        what="a VAE of Old Photos",
        kind="autoencoder",
        architecture="photo-vae",
        arguments=arguments,
        licence=LICENCE.format(OLD),
    )


def vae_placed(passport: Passport, place: str) -> Passport:
    """VAE_A: of old pictures; VAE_B: of clean ones."""
    found = re.search(r"VAE_([AB])(?:_(quality|scratch))?", place, re.IGNORECASE)
    if found is None:
        return passport
    domain, data = {"A": ("old", OLD), "B": ("clean", "Pascal VOC")}[found[1].upper()]
    name = f"old-photos-{found[0].lower().replace('_', '-')}"
    return msgspec.structs.replace(passport, name=name, domain=domain, training_data=data, licence=LICENCE.format(data))


def mapping_passport(tensors: Tensors) -> Passport:
    arguments = _widths(tensors["model.0.weight"], tensors["model.9.weight"])
    arguments["blocks"] = len(_places(tensors, r"model\.(\d+)\.conv_block\.1\.weight"))
    return _mapping("old-photos-mapping", "of blur, noise and fading, without scratches", "latent-mapping", arguments)


def scratch_passport(tensors: Tensors) -> Passport:
    arguments = _widths(tensors["before_NL.0.weight"], tensors["NL.W.weight"])
    blocks = _places(tensors, r"after_NL\.(\d+)\.conv_block\.1\.weight")
    arguments |= {"blocks": len(blocks), "inner": int(tensors["NL.g.weight"].shape[0])}
    return _mapping("old-photos-mapping-scratch", "with scratches (partial non-local block)", "scratch-mapping", arguments)


def high_res_passport(tensors: Tensors) -> Passport:
    arguments = _widths(tensors["before_NL.0.weight"], tensors["NL_scale_1.F_Combine.weight"])
    return _mapping("old-photos-mapping-hr", "with scratches, for large pictures (patch attention)", "patch-mapping", arguments)


def _mapping(name: str, what: str, architecture: str, arguments: dict[str, Any]) -> Passport:
    return Passport(
        name=name,
        what=f"Old Photos' mapping of latents, {what}",
        kind="mapping",
        architecture=architecture,
        arguments=arguments,
        training_data=SYNTHETIC,
        licence=LICENCE.format(SYNTHETIC),
    )


def detector_passport(tensors: Tensors) -> Passport:
    width, in_channels = tensors["first.1.weight"].shape[:2]
    first = [key for key, value in tensors.items() if key.startswith("down_path.0.block.") and value.ndim == 4]
    return Passport(
        name="old-photos-detector",
        what="Old Photos' detector of scratches, for grey pictures whose short side is 256",
        kind="scratch-detector",
        architecture="scratch-detector",
        arguments={
            "in_channels": int(in_channels),
            "width": int(width),
            "depth": len(_places(tensors, r"down_path\.(\d+)\.block\.1\.weight")),
            "convs": len(first),
            "batch_norm": "down_path.0.block.2.running_mean" in tensors,
            "up": "upconv" if "up_path.0.up.weight" in tensors else "upsample",
        },
        training_data="synthetic scratches and 783 old photographs marked by hand",
        licence=LICENCE.format("photographs that were not published"),
    )


def face_passport(tensors: Tensors) -> Passport:
    start, shown = tensors["fc.weight"], tensors["head_0.norm_0.mlp_shared.0.weight"].shape[1]
    return Passport(
        name="old-photos-face",
        what="Old Photos' generator of aligned faces",
        kind="restorer",
        architecture="spade",
        arguments={
            "width": int(start.shape[0]) // 16,
            "parsing": int(shown) - 3,
            "levels": "most" if "up_4.conv_0.weight_orig" in tensors else "normal",
        },
        prediction="clean",
        size=256,
        face_template="oldphotos",
        training_data=FACES,
        licence=LICENCE.format(FACES),
    )


def face_placed(passport: Passport, place: str) -> Passport:
    """Setting_9_epoch_100 restores faces of 256 pixels, FaceSR_512 those of 512."""
    if "FaceSR_512" not in place:
        return passport
    return msgspec.structs.replace(passport, name="old-photos-face-512", size=512)


def refused(tensors: Tensors) -> Passport:
    """latest_net_D.pth, which some mirrors add."""
    files = "latest_net_G.pth and latest_net_mapping_net.pth"
    raise ValueError(f"a discriminator serves only while its network is trained; what restores is {files}")


def _widths(first: Tensor, full: Tensor) -> dict[str, Any]:
    return {"latent": int(first.shape[1]), "width": int(full.shape[0])}


def _places(tensors: Tensors, pattern: str) -> list[int]:
    return sorted(int(found[1]) for key in tensors if (found := re.fullmatch(pattern, key)))


BLOCK = "conv_block.1.weight"
LAYOUTS = (
    Layout(
        "a VAE of Old Photos",
        ("encoder.1.weight", "encoder.4.weight", "encoder.7.weight", "encoder.10." + BLOCK),
        vae_passport,
        take=("encoder.", "decoder."),
        placed=vae_placed,
    ),
    Layout(
        "Old Photos' mapping without scratches",
        ("model.0.weight", "model.3.weight", "model.6.weight", "model.9.weight", "model.12." + BLOCK),
        mapping_passport,
    ),
    Layout(
        "Old Photos' mapping with scratches",
        ("before_NL.0.weight", "NL.g.weight", "NL.theta.weight", "NL.W.weight", "after_NL.0." + BLOCK),
        scratch_passport,
    ),
    Layout(
        "Old Photos' mapping for large pictures",
        ("before_NL.0.weight", "NL_scale_1.F_Combine.weight", "NL_scale_3.F_Combine.weight", "after_NL.0." + BLOCK),
        high_res_passport,
    ),
    Layout(
        "Old Photos' scratch detector",
        ("first.1.weight", "down_path.0.block.1.weight", "down_sample.0.4.filt", "up_path.0.conv_block.block.1.weight"),
        detector_passport,
    ),
    Layout(
        "Old Photos' face generator",
        ("fc.weight", "head_0.conv_0.weight_orig", "G_middle_0.norm_0.mlp_gamma.weight", "up_3.conv_s.weight_orig"),
        face_passport,
        placed=face_placed,
    ),
    *(
        Layout("a discriminator of Old Photos", (f"scale0_layer0.0.{weight}", f"scale0_layer4.0.{weight}"), refused)
        for weight in ("weight", "weight_orig")
    ),
)
