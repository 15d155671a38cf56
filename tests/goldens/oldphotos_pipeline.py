"""Old Photos: what stands around its networks."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from restauro.core.errors import InputError
from restauro.networks.latent_mapping import HighResMapping, LatentMapping, ScratchMapping
from restauro.networks.photo_vae import PhotoVAE
from restauro.systems.oldphotos import published, published_faces, sizes
from tests.goldens.pix2pix_networks import wave
from tests.goldens.runner import Case, close, exact, fill, handles

RULES = {
    "restore_full": sizes.restoration_size,
    "restore_scale": lambda width, height: sizes.restoration_size(width, height, scale=True),
    "detect_full": sizes.detection_size,
    "detect_256": lambda width, height: sizes.detection_size(width, height, scale=True),
    "detect_net": sizes.network_size,
}


@handles("oldphotos_pix2pix", "op_sizes")
def size_rules(case: Case) -> None:
    for name, rule in RULES.items():
        for (width, height), wanted in zip(case["sizes"].tolist(), case[name].tolist(), strict=True):
            try:
                found = list(rule(width, height))
            except InputError:
                found = [-1, -1]
            assert found == wanted, f"{name} of {width}x{height}"


@handles("oldphotos_pix2pix", "op_detect_pre")
def detection(case: Case) -> None:
    scale = case.config["mode"] != "full_size"
    shape = tuple(case["network_input_shape"].tolist())
    probability, seen = (wave(shape, 0.5) + 1) / 2, []

    def detector(x: torch.Tensor) -> torch.Tensor:
        seen.append(x)
        return probability.double().logit()

    found = published.detect(case["image"], detector, scale=scale)
    close(found.resized, case["resized"], abs=1)
    close(published.grey(found.resized), case["gray_norm"], abs=1e-5)
    close(seen[0][..., ::4, ::4], case["network_input_stride4"], abs=1e-5)
    assert case.config["threshold"] == published.THRESHOLD
    close(published.mask_of(probability, case["mask"].shape[-2:]), case["mask"])
    close(found.mask, case["mask"][0, 0])


@handles("oldphotos_pix2pix", "op_output_stretch")
def stretch(case: Case) -> None:
    close(published.stretched(case.tensor("x"))[0], case["written"], abs=1)


@handles("oldphotos_pix2pix", "op_match_histograms")
def histograms(case: Case) -> None:
    exact(published_faces.match_histograms(case["src"], case["ref"]), case["out"])


@handles("oldphotos_pix2pix", "op_face_align")
def faces(case: Case) -> None:
    size, image = case.config["aligned"], case["image"]

    def generate(crop: np.ndarray) -> np.ndarray:
        return np.clip(255 * (crop / 255) ** 0.7 + 8, 0, 255).astype(np.uint8)

    for name in (name for name in case.arrays if name.startswith("landmarks_")):
        number = name.removeprefix("landmarks_")
        matrix = published_faces.crop_to_photograph(case[name], size)
        close(matrix, case[f"matrix_{number}_64"], abs=1e-6)
        close(published_faces.crop_to_photograph(case[name], 512), case[f"matrix512_{number}_64"], abs=1e-6)
        aligned = published_faces.warped(image, matrix, size, size, "linear")
        close(aligned[::8, ::8], case[f"aligned_{number}_stride8"], abs=0.5)
        exact(published_faces.back_mask(matrix, size, *image.shape[:2]), case[f"back_mask_{number}"])
        close(published_faces.restore_faces(image, [case[name]], generate, size), case[f"blended_{number}"], abs=1.5)


@handles("oldphotos_pix2pix", "op_pipeline")
def pipeline(case: Case) -> None:
    config = case.config
    latent, width = config["mc"], config["map_mc"]
    masked = "mask" in case
    mapping: nn.Module = LatentMapping(latent, width, config["n_blocks"])
    if config["hr"]:
        mapping = HighResMapping(latent, width)
    elif masked:
        mapping = ScratchMapping(latent, width, config["n_blocks"])
    vaes = [PhotoVAE(config["ngf"], latent) for _ in range(2)]
    prefixes = [prefix.rstrip(".") for prefix in config["prefixes"]]
    fill(nn.ModuleDict(dict(zip(prefixes, [*vaes, mapping], strict=True))))  # their weights are drawn by the prefixed names
    found = published.restore(
        case["image"],
        vaes[0].encode,
        published.as_published(mapping),
        vaes[1].decode,
        mask=case["mask"] if masked else None,
        dilations=config["mask_dilation"],
    )
    close(found.composited, case["composited" if masked else "resized"], abs=1)
    if masked:
        exact(found.mask, case["mask_used"])
    close(found.answer, case["y"], abs=3e-4, rel=3e-4)
    close(found.written, case["written"], abs=1)
