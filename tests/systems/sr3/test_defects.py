"""What users of the SR3 repository complain of, and what in ours is otherwise. The numbers are those of the list of complaints.

5 (minutes a picture), 9 (folders of prepared pairs), 10 (fixed sizes) and 18 (clean input only) are the upscaler's:
test_upscale.py. 12 (pairs matched by names) has no counterpart: a pair is one value.
"""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from restauro.core.device import choose_device
from restauro.core.errors import InputError, RecipeError
from restauro.core.knobs import build
from restauro.core.noise import PictureNoise
from restauro.diffusion.betas import betas_of
from restauro.diffusion.contract import Observation, Unguided
from restauro.diffusion.denoiser import NetworkDenoiser, posterior
from restauro.diffusion.guidance import CleanGuidance, Wanted
from restauro.diffusion.samplers.ancestral import Ancestral
from restauro.diffusion.schedule import NoiseSchedule
from restauro.evaluation.metrics import psnr, ssim
from restauro.networks.blocks import timestep_embedding
from restauro.properties.downscaling import Downscaling, reduced
from restauro.systems.sr3.denoiser import super_resolver
from restauro.systems.sr3.losses import draw_levels
from restauro.systems.sr3.network import PAPER, paper_arguments
from restauro.systems.sr3.objective import Sr3Objective
from restauro.systems.sr3.pairs import triplet
from restauro.systems.sr3.published import published, sampled, trace
from restauro.training.loop import train
from restauro.training.objective import torch_generator
from restauro.training.ranks import joined
from restauro.training.run import Run
from restauro.training.ship import ship
from restauro.weights.store import load
from tests.laws.pictures import waves
from tests.systems.sr3.janspiry import imported
from tests.training.tiny import RUN, Tiny, pictures

SR3 = NoiseSchedule.named("sr3-linear")
TEN = SR3.respace("sr3-linear:10")


def grey(schedule: NoiseSchedule = TEN, shape: tuple[int, int, int] = (3, 8, 8)) -> NetworkDenoiser:
    """A network that answers every picture with 0.2 of its level, and is told the level."""
    return NetworkDenoiser(lambda x, level: 0 * x + 0.2 * level[:, None, None, None], schedule, shape, "clean", told="level")


def test_1_every_picture_of_a_batch_has_its_own_t() -> None:
    rng = np.random.default_rng(0)
    own, one = (torch.stack([draw_levels(SR3, 16, rng, one_t=shared) for _ in range(60)]) for shared in (False, True))
    assert own.std(1).min() > 0.1 and one.std(1).max() < 0.01
    assert own.mean(1).std() < 0.5 * one.mean(1).std(), "what a batch sees varies less"
    torch.testing.assert_close(own.mean(), one.mean(), rtol=0.3, atol=0.02)


def test_2_levels_are_spread_before_they_are_embedded() -> None:
    """As in WaveGrad for the paper's networks; ours are told the logarithm of the noise level."""
    levels = torch.from_numpy(SR3.level(torch.arange(2000))).float()

    def moving(told: Tensor) -> float:
        features = timestep_embedding(told, 64)
        return float(((features.amax(0) - features.amin(0)) > 0.05).float().mean())

    log_sigma = torch.from_numpy(0.5 * np.log((1 - SR3.alphas_cumprod) / SR3.alphas_cumprod)).float()
    scales = {task: paper_arguments(task)["time_scale"] for task in PAPER}
    assert moving(levels) < 0.4
    assert min(moving(levels * scale) for scale in scales.values()) == 1
    assert moving(log_sigma * Sr3Objective().arguments()["time_scale"]) > 0.8


def test_3_a_batch_comes_back_whole() -> None:
    noise = PictureNoise(0, [0, 1, 2], (3, 8, 8))
    whole = sampled(grey(), noise)
    assert whole.shape == (3, 3, 8, 8)
    for i in range(3):
        torch.testing.assert_close(whole[i : i + 1], sampled(grey(), PictureNoise(0, [i], (3, 8, 8))))


def test_4_the_moving_average_is_what_ships(tmp_path: Path) -> None:
    found = {}
    for decay in (0.0, 0.99):
        run, out = Run(**{**plain(RUN), "steps": 4, "ema": decay}), tmp_path / str(decay)
        list(train(Tiny(), pictures(), pictures(4), run, out))
        about = {"name": f"ema-{decay}", "about": "noise", "command": "-", "licence": "-"}
        ship(Tiny(), pictures(), pictures(4), run, out, folder=out, **about)
        found[decay] = (out / f"ema-{decay}.safetensors").read_bytes()
    assert found[0.0] != found[0.99]


def plain(run: Run) -> dict[str, Any]:
    return {name: getattr(run, name) for name in run.__struct_fields__}


@pytest.mark.parametrize("steps", ["sr3-linear:10", "sr3-linear:100", "cosine:20", "karras:10", "trailing:10"])
def test_6_few_steps_start_where_only_noise_is_left(steps: str) -> None:
    short, cut = SR3.respace(steps), NoiseSchedule.named("sr3-linear", 100)
    assert short.alphas_cumprod[-1] < 1e-3 < 0.6 < cut.alphas_cumprod[-1]
    assert torch.isfinite(sampled(grey(short), PictureNoise(0, [0], (3, 8, 8)))).all()
    with pytest.raises(RecipeError, match="raise the ends"):
        SR3.respace("sr3-linear:100@1e-6..0.01")


def test_6_very_long_schedules_stay_finite() -> None:
    """Issue 67: NaN. Tables are in double precision, and what would divide by 0 is not asked for."""
    long = NoiseSchedule.named("sr3-linear", 20000)
    *_, last = Ancestral().steps(
        grey(long.respace("trailing:50")), torch.zeros(1, 3, 8, 8), Unguided(), PictureNoise(0, [0], (3, 8, 8))
    )
    assert torch.isfinite(last.x).all()


@pytest.mark.parametrize("steps", [100, 2000])
def test_7_any_length_loads_and_decides_what_the_network_is_told(tmp_path: Path, steps: int) -> None:
    name = imported(tmp_path, f"t{steps}", betas=torch.from_numpy(betas_of("ho-linear", steps, 1e-5, 0.05)).float())
    told: list[float] = []
    denoiser = super_resolver(name, waves(1, 1, 8).float())
    assert len(denoiser.schedule) == steps
    np.testing.assert_allclose(denoiser.schedule.betas, np.linspace(1e-5, 0.05, steps), rtol=1e-5)
    network = denoiser.network
    spy = NetworkDenoiser(lambda x, t: (told.append(float(t[0])), network(x, t))[1], denoiser.schedule, (3, 8, 8), told="level")
    spy(torch.zeros(1, 3, 8, 8), steps - 1)
    assert told == pytest.approx([np.sqrt(np.prod(1 - np.linspace(1e-5, 0.05, steps)))], rel=1e-4)


def test_8_neither_hue_nor_noise_of_the_network_reaches_what_was_photographed() -> None:
    """The consistency projection as an option of any walk; with a large factor it aligns the colours alone."""
    small = 0.5 * waves(1, 1, 8).float()
    enlarged = torch.nn.functional.interpolate(small, scale_factor=2, mode="bicubic", antialias=True)
    tint = torch.tensor([0.2, -0.1, 0.1])[:, None, None]
    tinted = NetworkDenoiser(lambda x, level: enlarged + tint + 0.1 * x, TEN, (3, 16, 16), "clean", told="level")
    noise = PictureNoise(0, [0], (3, 16, 16))

    def walked(*wanted: Wanted) -> Tensor:
        guidance = CleanGuidance(wanted, Observation(enlarged), TEN)
        *_, last = Ancestral().steps(tinted, noise(0), guidance, noise)
        return last.x

    apart = (reduced(walked(), (8, 8)) - small).abs().mean()
    assert apart > 0.1 and (reduced(walked(Wanted(Downscaling(factor=2))), (8, 8)) - small).abs().max() < 1e-3
    aligned = walked(Wanted(Downscaling(factor=16, seen="whole")))
    torch.testing.assert_close(aligned.mean((2, 3)), enlarged.mean((2, 3)), rtol=0, atol=0.02)
    assert (aligned - enlarged).abs().mean() > 0.005, "detail stays the network's"


@pytest.mark.parametrize("shape", [(48, 32), (32, 48), (32, 32), (24, 40)])
def test_11_both_sides_are_looked_at(shape: tuple[int, int]) -> None:
    """A picture that is as wide as wanted but higher is cut, too."""
    found = triplet(np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8), 8, 32)
    assert found.small.shape == (8, 8, 3) and found.large.shape == found.enlarged.shape == (32, 32, 3)


def test_12_pictures_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(InputError, match="two batches of one shape"):
        psnr(torch.zeros(1, 3, 16, 16), torch.zeros(1, 3, 16, 12))


def test_13_one_gpu_of_whatever_number_is_one_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several processes are what torchrun says, never how a device is written."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 16)
    assert choose_device("cuda:10") == torch.device("cuda", 10) and choose_device("cpu") == torch.device("cpu")
    with joined() as ranks:
        assert (ranks.rank, ranks.world) == (0, 1)
    with pytest.raises(RecipeError, match="not available"):
        choose_device("-1")


def test_14_numbers_are_what_they_say() -> None:
    """Counts are whole numbers, and no setting is silently another one."""
    with pytest.raises(RecipeError, match="steps: expected int, got float"):
        build(Run, {"steps": 1e4})
    assert build(Run, {"steps": 10000}).steps == 10000


def test_15_no_setting_that_trains_nothing() -> None:
    with pytest.raises(RecipeError, match="no knob 'finetune_norm'"):
        build(Sr3Objective, {"finetune_norm": True})
    torch.manual_seed(0)
    objective, data = Sr3Objective(width=8, mult=(1, 1), blocks=(1, 1), crop=16), pictures(4, 48)
    network = objective.build(data)
    rng = np.random.default_rng(0)
    for layer in network.modules():  # zeros at the start hide what is behind them for one step
        if isinstance(layer, torch.nn.Conv2d) and not layer.weight.any():
            torch.nn.init.normal_(layer.weight, 0, 0.1, generator=torch_generator(rng))
    objective.loss(network, data.batch(np.arange(4)), np.arange(4), data, rng).backward()
    still = [name for name, one in network.named_parameters() if one.grad is None or not one.grad.any()]
    assert not still, still


def test_16_ssim_looks_once_at_every_channel() -> None:
    one, other = waves(1, 2, 24), waves(2, 2, 24)
    each = torch.stack([ssim(one[:, c : c + 1], other[:, c : c + 1]) for c in range(3)]).mean(0)
    torch.testing.assert_close(ssim(one, other), each)


def test_17_a_trace_keeps_nothing_that_nobody_keeps() -> None:
    noise = PictureNoise(0, [0], (3, 8, 8))
    seen = [weakref.ref(state) for state in trace(grey(), noise(0), noise(0), noise)]
    gc.collect()
    assert len(seen) == 11 and sum(ref() is not None for ref in seen) <= 1


def test_19_the_papers_variance_and_the_repositorys_are_two_settings() -> None:
    x = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    for t in (1, 5, 9):
        found = {rule: published(grey(), rule) for rule in ("paper", "repository")}  # type: ignore[arg-type]
        variance = {rule: float(posterior(TEN, one(x, t), x, t)[1].mean()) for rule, one in found.items()}
        assert variance["paper"] == pytest.approx(TEN.betas[t], rel=1e-5)
        assert variance["repository"] == pytest.approx(TEN.posterior_variance[t], rel=1e-5)
    assert found["repository"].clip and not found["paper"].clip


def test_imported_networks_walk_few_steps_at_any_size(tmp_path: Path) -> None:
    """And the network is the file's own, scaled levels or not."""
    name = imported(tmp_path, "small")
    assert load(name).noise_level_mlp[0].scale == 1.0  # type: ignore[union-attr, index]
    for height, width in ((8, 8), (10, 14)):
        shown = waves(1, 2, height, width).float()
        noise = PictureNoise(0, [0, 1], (3, height, width))
        out = sampled(published(super_resolver(name, shown), "repository"), noise, "sr3-linear:5")
        assert out.shape == shown.shape and torch.isfinite(out).all()
        alone = sampled(
            published(super_resolver(name, shown[1:]), "repository"), PictureNoise(0, [1], (3, height, width)), "sr3-linear:5"
        )
        torch.testing.assert_close(out[1:], alone, rtol=0, atol=1e-4)
