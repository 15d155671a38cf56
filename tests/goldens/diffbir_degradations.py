"""The degradations of DiffBIR's trainings: kernels, each step, and whole chains with every draw as recorded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from restauro.degradations._base import fast_filter2d
from restauro.degradations._elliptic import squared_sigmas
from restauro.degradations.blur import Blur
from restauro.degradations.chains import chain
from restauro.degradations.generalized_blur import GeneralizedBlur
from restauro.degradations.noise import Noise
from restauro.degradations.plateau_blur import PlateauBlur
from restauro.degradations.poisson import LUMA, Poisson, ladder
from restauro.degradations.resize import Resize
from restauro.degradations.sinc import sinc_kernel
from restauro.degradations.soft_jpeg import SoftJpeg
from restauro.systems.diffbir.sizes import centre
from tests.goldens.oldphotos_degrade import Stored
from tests.goldens.runner import Case, close, exact, handles

FORMS: dict[str, Blur | GeneralizedBlur] = {"gauss": Blur(), "generalized": GeneralizedBlur(), "plateau": PlateauBlur()}
SHARP, *_, LARGE, LAST = chain("diffbir-stage2")
PUBLISHED, CUBIC = SoftJpeg(published=True), SoftJpeg(published=True, rounding="cubic")


@handles("diffbir", "degradations")
def degradations(case: Case) -> None:
    for key in case.arrays:
        if key.startswith(("kernel/", "sinc/")):
            kernel(case, key)
        elif key.startswith("crop/center"):
            exact(centre(case["crop/in"], int(key.removeprefix("crop/center"))), case[key], key)
    sharp = SHARP.apply(picture(case.tensor("usm/in")), SHARP.sample(np.random.default_rng(0)))
    close((sharp + 1) / 2, case["usm/out"], abs=1e-5, what="usm")
    singles(case)
    for config in case.config:
        if f"{config['name']}/1_blur" in case:
            blind(case, config)
        elif "draws" in config:
            second_order(case, config)


def picture(values: Tensor) -> Tensor:
    return values * 2 - 1


def kernel(case: Case, key: str) -> None:
    parts = key.split("/")
    if parts[0] == "sinc":
        cutoff, taps, padded = parts[1].split("_")
        found = F.pad(sinc_kernel(float(cutoff), int(taps)), (max(0, int(padded) - int(taps)) // 2,) * 4)
    else:
        size, sigma_x, sigma_y, angle, way = parts[1].split("_")
        form, _, shape = parts[2].partition("_")
        axes = (sigma_x, sigma_x, "0") if way == "iso" else (sigma_x, sigma_y, angle)
        across, along, turn = (float(one) for one in axes)
        found = FORMS[form].profile(squared_sigmas(across, along, turn, int(size) // 2), {"shape": float(shape or 1)})
    close(found / found.sum(), case[key], abs=1e-6, what=key)


def singles(case: Case) -> None:
    """Each step by itself, picture by picture: a batch of ours has one damage, theirs one for each picture."""
    clean = picture(case.tensor("img/in_nhwc").permute(0, 3, 1, 2))
    # the release writes the factor over the quality at each of its three calls, and takes that for a quality at the next
    third = undone(case["diffjpeg/quality"])
    second, first = undone(third), undone(undone(third))
    height, width = case["diffjpeg/out_odd"].shape[2:]
    for i, one in enumerate(clean.split(1)):
        answers = {
            "filter2D/out": fast_filter2d(one, case.tensor("filter2D/kernel")[i]),
            "diffjpeg/out": PUBLISHED.apply(one, {"quality": float(first[i])}),
            "diffjpeg/out_odd": PUBLISHED.apply(one[..., :height, :width], {"quality": float(second[i])}),
            "diffjpeg/out_differentiable": CUBIC.apply(one, {"quality": float(third[i])}),
        }
        grey = bool(case["gauss/gray"][i])
        field = case["gauss/field_gray"][None, None] if grey else case["gauss/field_colour"][i][None]
        answers["gauss/out"] = Noise().apply(one, {"sigma": case["gauss/sigma"][i], "grey": grey, "seed": Stored(field)})
        counts = case["poisson/counts_gray" if grey else "poisson/counts_colour"][i]
        answers["poisson/out"] = counted(one, counts, grey, float(case["poisson/scale"][i]))
        for name, found in answers.items():
            close((found[0] + 1) / 2, case[name][i], abs=1e-4 if "jpeg" in name else 1e-5, what=name)


def undone(factor: np.ndarray) -> np.ndarray:
    """The quality that libjpeg's scale factor belongs to."""
    return np.where(factor > 1, 50 / factor, 100 - 50 * factor)


def counted(one: Tensor, counts: np.ndarray, grey: bool, scale: float) -> Tensor:
    """`Poisson` with recorded counts: each gets the chance that leads to it."""
    seen = (one + 1) / 2
    seen = (seen * seen.new_tensor(LUMA)[:, None, None]).sum(1, keepdim=True) if grey else seen
    levels, counts = (seen[0] * 255).round().clamp(0, 255).long().numpy(), counts.astype(int)
    rows = ladder(2 ** int(np.ceil(np.log2(len(np.unique(levels))))))
    chance = (rows[levels, counts] + np.where(counts > 0, rows[levels, np.maximum(counts - 1, 0)], levels)) / 2 - levels

    class Chance(np.random.Generator):
        def random(self, *shape: Any, **kinds: Any) -> np.ndarray:  # type: ignore[override]
            return chance

    return Poisson().apply(one, {"scale": scale, "grey": grey, "seed": Chance(np.random.PCG64(0))})


def blind(case: Case, config: dict[str, Any]) -> None:
    """The chain of the first stage, as CodeFormer's: what comes after each link. Its kernel is the stored one."""
    clean = picture(case.tensor("codeformer/gt_rgb").permute(2, 0, 1)[None])
    _, reduce, noise, jpeg, back = chain("diffbir-stage1")
    noise_field = np.ascontiguousarray(case["codeformer/noise_bgr"][..., ::-1].transpose(2, 0, 1))[None]
    params: dict[str, dict[str, Any]] = {
        "2_down": {"factor": config["scale"] * 512 / max(clean.shape[-2:])},
        "3_noisy": {"sigma": config["sigma"], "grey": False, "seed": Stored(noise_field)},
        "4_jpeg": {"quality": config["quality"]},
        "5_up": {"factor": 1.0, "kernel": "bilinear"},
    }
    found = fast_filter2d(clean, case.tensor("codeformer/kernel"))
    close((found[0].permute(1, 2, 0) + 1) / 2, case["codeformer/1_blur"], abs=1e-5)
    for link, (name, drawn) in zip((reduce, noise, jpeg, back), params.items(), strict=True):
        found = link.link(found, drawn, clean)
        wrong = np.abs((found[0].permute(1, 2, 0).numpy() + 1) / 2 - case[f"codeformer/{name}"])
        assert np.quantile(wrong, 0.99) <= (2 / 255 if name >= "4" else 1e-5), name
        found = picture(case.tensor(f"codeformer/{name}").permute(2, 0, 1)[None])


def second_order(case: Case, config: dict[str, Any]) -> None:
    sharp = SHARP.apply(picture(case.tensor("chain/hq")), SHARP.sample(np.random.default_rng(0)))
    for i, clean in enumerate(sharp.split(1)):
        truths = case.tensor("chain/gt_nhwc_sharpened")  # in the order of the pool
        assert min(float((clean[0].permute(1, 2, 0) - one).abs().max()) for one in truths) < 1e-5
        found = damaged(case, iter(config["draws"]), clean, i)
        wrong = (found[0].permute(1, 2, 0) + 1) / 2 - case.tensor(f"{config['name']}/lq_nhwc")[i]
        assert wrong.abs().max() < 1.01 / 255 and (wrong.abs() > 1e-4).double().mean() < 0.005, config["name"]


def damaged(case: Case, draws: Iterator[list[Any]], clean: Tensor, i: int) -> Tensor:
    """Both rounds and the end, with what was drawn for picture i of the batch."""

    def rand() -> float:
        return float(case[next(draws)[1]][i])

    def coded(one: Tensor) -> Tensor:
        return PUBLISHED.apply(one, {"quality": float(undone(case[next(draws)[1]])[i])})

    limits = next(config for config in case.config if config["name"] == "chain_config")
    found = fast_filter2d(clean, case.tensor("chain/kernel1")[i])
    found = noisy(case, draws, resized(draws, found, clean, 0.0), i, limits, "")
    found = coded(found)
    if next(draws)[1] < limits["second_blur_prob"]:
        found = fast_filter2d(found, case.tensor("chain/kernel2")[i])
    found = noisy(case, draws, resized(draws, found, clean, 1 / limits["stage2_scale"]), i, limits, "2")
    first = next(draws)[1] < 0.5
    kernel = next(draws)[1]
    if not first:
        found = coded(found)
    found = Resize(of=1 / limits["stage2_scale"]).link(found, {"factor": 1.0, "kernel": kernel}, clean)
    found = fast_filter2d(found, case.tensor("chain/sinc")[i])
    if first:
        found = coded(found.clamp(-1, 1))
    return LAST.link(LARGE.link(found, {"factor": 1.0, "kernel": "bicubic"}, clean), {}, clean)


def resized(draws: Iterator[list[Any]], found: Tensor, clean: Tensor, of: float) -> Tensor:
    way = next(draws)[1]
    factor = 1.0 if way == "keep" else next(draws)[1]
    return Resize(of=of, cut=True).link(found, {"factor": factor, "kernel": next(draws)[1]}, clean)


def noisy(case: Case, draws: Iterator[list[Any]], found: Tensor, i: int, limits: dict[str, Any], round_: str) -> Tensor:
    """One of the two noises. Its grey field is drawn only where a picture of the batch needs it."""
    gauss = next(draws)[1] < limits[f"gaussian_noise_prob{round_}"]
    low, high = limits[f"{'noise' if gauss else 'poisson_scale'}_range{round_}"]
    size, grey = (case[next(draws)[1]] for _ in range(2))
    fields = [case[next(draws)[1]] for _ in range(1 + bool((grey < limits[f"gray_noise_prob{round_}"]).any()))]
    mine, strength = bool(grey[i] < limits[f"gray_noise_prob{round_}"]), float(size[i]) * (high - low) + low
    if gauss:
        field = fields[0][None, None] if mine else fields[-1][i][None]
        return Noise().apply(found, {"sigma": strength, "grey": mine, "seed": Stored(field)})
    return counted(found, fields[0 if mine else -1][i], mine, strength)
