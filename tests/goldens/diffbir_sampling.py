"""DiffBIR's schedules and the samplers of its releases, on a prior of closed form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from restauro.diffusion.contract import Unguided
from restauro.diffusion.denoiser import NetworkDenoiser
from restauro.diffusion.free_guidance import classifier_free, rising
from restauro.diffusion.schedule import NoiseSchedule
from restauro.photo.tiled import tiled
from restauro.photo.tiles import windows
from restauro.systems.diffbir.published_samplers import ddim_levels, dpm_levels, dpm_timesteps, edm_levels, published
from tests.goldens.runner import Case, close, exact, handles
from tests.goldens.upstream import in_turn, walked

TABLE = {"abs": 1e-6, "rel": 1e-6}
SD_ENDS = (0.00085, 0.012)
LDM_ENDS = (1e-4, 2e-2)
KINDS: dict[str, tuple[str, tuple[float, ...]]] = {
    "linear": ("sd-scaled-linear", SD_ENDS),
    "sqrt_linear": ("ldm-sqrt-linear", LDM_ENDS),
    "sqrt": ("ldm-sqrt", LDM_ENDS),
    "linear_zsnr": ("sd-zero-snr", ()),
    "zsnr": ("sd-zero-snr", ()),
}
PREDICTS: dict[str, Any] = {"linear": "eps", "zsnr": "v"}


def schedule(name: str, T: int = 1000) -> NoiseSchedule:
    kind, ends = KINDS[name]
    return NoiseSchedule.named(kind, T, *ends)


@handles("diffbir", "schedules")
def schedules(case: Case) -> None:
    for name in case.arrays:
        kind, *rest = name.split("/")
        if kind in ("betas", "alphas_cumprod"):
            of, _, T = rest[0].partition("_T")
            close(getattr(schedule(of, int(T or case.config["T"])), kind), case[name], rel=1e-12, what=name)
        elif kind == "respace":
            exact(NoiseSchedule.named("ho-linear", int(rest[0])).respace(rest[1]).original_index, case[name], name)
        elif kind == "rescaled_cfg" and rest[0] != "t":
            found = rising(float(rest[0]))(case.tensor("rescaled_cfg/t", torch.float64))
            close(found, case[name], what=name, **TABLE)
        elif kind in LEVELS:
            LEVELS[kind](case, name, schedule(rest[0]), int(rest[1]), rest[2])
    _conversions(case)


def _spaced(case: Case, name: str, base: NoiseSchedule, steps: int, table: str) -> None:
    ours = base.respace(str(steps))
    close(ours.original_index if table == "timesteps" else getattr(ours, table), case[name], what=name, **TABLE)


def _ddim(case: Case, name: str, base: NoiseSchedule, steps: int, table: str) -> None:
    """Ours also holds where the walk ends."""
    ours = ddim_levels(base, steps)
    found = {
        "timesteps": ours.original_index[1:],
        "alphas": ours.alphas_cumprod[1:],
        "alphas_prev": ours.alphas_cumprod[:-1],
        "sigmas_eta0.5": 0.5 * np.sqrt(ours.posterior_variance[1:]),
    }
    close(found[table], case[name], what=name, **TABLE)


def _edm(case: Case, name: str, base: NoiseSchedule, steps: int, table: str) -> None:
    ours = edm_levels(base, steps)
    found = {"timesteps": ours.original_index, "sigmas": ours.sigma(np.arange(len(ours)))}
    close(np.append(found[table][::-1], 0), case[name], what=name, **TABLE)


def _single(base: NoiseSchedule) -> NoiseSchedule:
    """With 1 - beta rounded to float32, as "dpm" does; up to 1e-5 off in lambda."""
    return NoiseSchedule.from_alphas_cumprod(np.cumprod((1 - base.betas).astype(np.float32), dtype=np.float64))


def _dpm(case: Case, name: str, base: NoiseSchedule, steps: int, table: str) -> None:
    base = _single(base)
    ours, kept = dpm_levels(base, steps), dpm_timesteps(base)
    found = {
        "t": (ours.original_index / len(base) + 1 / kept)[::-1],
        "model_t": ours.original_index[::-1],
        "lambda": 0.5 * ours.log_snr(np.arange(len(ours)))[::-1],
        "total_N": kept,
    }
    close(found[table], case[name], what=name, **TABLE)


LEVELS: dict[str, Callable[[Case, str, NoiseSchedule, int, str], None]] = {
    "spaced": _spaced,
    "ddim": _ddim,
    "edm": _edm,
    "dpm": _dpm,
}


def _conversions(case: Case) -> None:
    clean, noise, t = (case.tensor(f"convert/{name}") for name in ("x0", "noise", "t"))
    for of in ("linear", "zsnr"):
        ours = schedule(of)
        x, v = (case.tensor(f"convert/{of}/{name}") for name in ("x_t", "v"))
        found = {
            "x_t": ours.q_sample(clean, t, noise),
            "v": ours.v_target(clean, t, noise),
            "x0_from_v": ours.clean_from_v(x, t, v),
            "posterior_mean": ours.posterior_mean(clean, x, t),
            "posterior_variance": ours.posterior_variance[t],
        }
        for name, value in found.items():
            close(value, case[f"convert/{of}/{name}"], what=f"{of} {name}", **TABLE)
        if f"convert/{of}/x0_from_eps" in case:
            digits = 1e-6 * float(ours.sqrt_recip_alphas_cumprod[t].max())  # float32's, and what dividing by alpha makes of them
            close(ours.clean_from_noise(x, t, noise), case[f"convert/{of}/x0_from_eps"], abs=digits, rel=1e-6)


@handles("diffbir", "samplers")
def samplers(case: Case) -> None:
    for entry in case.config:
        _sampler(case, entry)


def _sampler(case: Case, entry: dict[str, Any]) -> None:
    """In float32 within the case's own tolerance; in float64, tables rounded to float32, within that of such tables."""
    name, knobs = entry["name"], _knobs(entry)
    for dtype, out in ((torch.float32, "out"), (torch.float64, "out64")):
        inputs = {key: case.tensor(f"{name}/{key}", dtype) for key in ("c_img", "c_txt", "c_txt_uncond", "x_T", "noise")}
        told: list[float] = []
        denoiser = _denoiser(entry, inputs, told)
        draws = 2 if entry["sampler"] == "edm_dpm++_sde" else 1
        walk = published(entry["sampler"], denoiser.schedule, entry["steps"], **knobs)
        steps = walked(walk.steps(denoiser, inputs["x_T"], Unguided(), in_turn(inputs["noise"], draws)))
        exact(len(steps), steps[-1].total, name)
        if not case.offered(f"{name}/{out}"):
            continue
        close(steps[-1].x, case[f"{name}/{out}"], what=f"{name} {out}", **_tolerance(entry, dtype))
        close(_different(told), _different(case[f"{name}/model_t"]), abs=1e-4, what=f"{name}: what the network is told")


def _tolerance(entry: dict[str, Any], dtype: torch.dtype) -> dict[str, float]:
    """Where the walk starts at sigma 10,000 and looks again, or the network does not know that level, rounding is amplified."""
    twice = entry["sampler"] in ("edm_heun", "edm_dpm_2", "edm_dpm_2_a")
    if twice or (entry["sampler"].startswith("edm_") and entry["schedule"] == "linear"):
        return {"peak": entry["tolerance32"]}
    return {"abs": entry["tolerance32"]} if dtype == torch.float32 else {"peak": 1e-4}


def _knobs(entry: dict[str, Any]) -> dict[str, Any]:
    kind, settings = entry["sampler"], entry["hp"]
    churn = {"churn": "s_churn", "churn_above": "s_tmin", "churn_below": "s_tmax", "churn_noise": "s_noise"}
    if kind in ("edm_euler", "edm_heun", "edm_dpm_2"):
        return {ours: settings[theirs] for ours, theirs in churn.items()}
    if kind == "edm_lms":
        return {"order": settings["order"]}
    if kind == "ddim":
        return {"eta": settings.get("ddim_eta", 0.0)}
    return {"eta": settings["eta"]} if kind.endswith(("_a", "_sde")) else {}


def _denoiser(entry: dict[str, Any], inputs: dict[str, Tensor], told: list[float]) -> NetworkDenoiser:
    """The denoiser of closed form that the goldens' README describes, guided as the case says; `told`: what it is told."""
    base, predicts = schedule(entry["schedule"]), PREDICTS[entry["schedule"]]
    table = base.alphas_cumprod
    base = _single(base) if entry["sampler"].startswith("dpm") else NoiseSchedule.from_alphas_cumprod(table.astype(np.float32))

    def network(x: Tensor, t: Tensor, image: Tensor, text: Tensor) -> Tensor:
        told.append(float(t[0]))
        a = np.interp(t.double().numpy(), np.arange(len(table)), table)
        a = torch.from_numpy(a).to(x.dtype)[:, None, None, None]
        mu = image + text.mean((1, 2))[:, None, None, None]
        gain = 0.25 * a.sqrt() / (0.25 * a + 1 - a)
        clean = mu + gain * (x - a.sqrt() * mu) + 0.05 * (1 - a) * torch.sin(3 * x)
        eps = (x - a.sqrt() * clean) / (1 - a).sqrt()
        return eps if predicts == "eps" else a.sqrt() * eps - (1 - a).sqrt() * clean

    height, width = inputs["x_T"].shape[2:]
    tiles = list(windows(height, width, *entry["tile"])) if "tile" in entry else []

    def in_tiles(x: Tensor, t: Tensor, image: Tensor, text: Tensor) -> Tensor:
        return tiled(lambda x, image: network(x, t, image, text), [x, image], tiles, tiles)

    wanted, unwanted = ([inputs["c_img"], inputs[text]] for text in ("c_txt", "c_txt_uncond"))
    strength = rising(entry["cfg"]) if entry["rescale"] else entry["cfg"]
    guided = classifier_free(in_tiles if tiles else network, wanted, unwanted, strength)
    return NetworkDenoiser(guided, base, tuple(inputs["x_T"].shape[1:]), predicts, clip=False)  # type: ignore[arg-type]


def _different(told: Any) -> np.ndarray:
    """The calls of one step that are told the same are one."""
    told = np.asarray(told, dtype=np.float64)
    return told[np.append(True, np.abs(np.diff(told)) > 1e-3)]
