"""Laws of the training loop: bounded, resumable, never half-written."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import nn

from restauro.core.errors import OutputError, RecipeError
from restauro.networks.patchgan import PatchGAN
from restauro.training import loop
from restauro.training.checkpoint import LOG, State, read_log
from restauro.training.data import Pictures
from restauro.training.loop import finished, train
from restauro.training.run import Progress, Run
from tests.training.tiny import RUN, Tiny, pictures


def changed(**settings: Any) -> Run:
    return msgspec.structs.replace(RUN, **settings)


def run(out: Path, objective: Tiny | None = None, how: Run = RUN, *, resume: bool = False) -> list[Progress]:
    return list(train(objective or Tiny(), pictures(), pictures(4), how, out, resume=resume))


def weights(out: Path) -> dict[str, torch.Tensor]:
    return finished(Tiny(), pictures(), out)[0].state_dict()


def test_it_learns_and_stops_after_its_steps(tmp_path: Path) -> None:
    objective = Tiny()
    news = run(tmp_path / "run", objective)
    assert [one.step for one in news] == list(range(1, 61)) and news[-1].share == 1
    assert sum(objective.curve[-10:]) < 0.8 * sum(objective.curve[:10])
    assert finished(Tiny(), pictures(), tmp_path / "run")[1] == 60
    written = read_log(tmp_path / "run" / LOG)
    assert [line["step"] for line in written] == list(range(1, 61)) and "PSNR" in written[-1]


def test_it_stops_after_its_minutes(tmp_path: Path) -> None:
    news = run(tmp_path / "run", how=changed(steps=0, minutes=0.01, save_every=1))
    assert 0.6 <= news[-1].seconds < 3 and news[-1].share == 1 and news[-1].scores is not None
    assert all(one.scores is None for one in news[:-1])


def test_a_slice_ends_early_and_the_next_goes_on(tmp_path: Path) -> None:
    sliced = changed(slice_minutes=1e-9)
    assert [one.step for one in run(tmp_path / "run", how=sliced)] == [1]
    assert [one.step for one in run(tmp_path / "run", how=sliced, resume=True)] == [2]
    assert [one.step for one in run(tmp_path / "run", how=changed(steps=3), resume=True)] == [3]
    assert run(tmp_path / "run", how=changed(steps=3), resume=True) == []


def test_the_rate_can_stay_and_then_fall_in_a_line() -> None:
    how = Run(rate=1, warm_up=0, decay="linear", flat=0.5)
    assert [how.rate_at(9, share) for share in (0, 0.5, 0.75, 1)] == [1, 1, 0.5, 0]


def test_a_run_can_begin_from_weights_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fine-tuning: the network starts as they are, and the pictures they have seen count."""
    from restauro.weights import store
    from restauro.weights.passports import Passport

    monkeypatch.setenv("RESTAURO_HOME", str(tmp_path / "home"))
    arguments: dict[str, Any] = {"in_channels": 3, "width": 2, "layers": 1, "norm": "none"}

    class Patches(Tiny):
        def build(self, data: Pictures) -> nn.Module:
            return PatchGAN(**{**arguments, "width": self.widths})

        def loss(self, network: nn.Module, *args: Any) -> torch.Tensor:
            if self.watch is not None:
                self.watch(network)
            return network(torch.ones(1, 3, 8, 8)).mean()

        def scores(self, network: nn.Module, held: Pictures) -> dict[str, float]:
            return {}

    passport = Passport(
        name="mine",
        what="",
        kind="critic",
        architecture="patchgan",
        arguments=arguments,
        pictures_seen=70,
        training_data="",
        licence="",
    )
    known = Patches(2).build(pictures())
    store.save(known.state_dict(), passport, store.imported_folder(), half=False)
    objective, seen = Patches(2), []
    objective.watch = lambda network: seen.append(copy.deepcopy(network.state_dict()))
    how = changed(steps=2, begin="mine")
    run(tmp_path / "run", objective, how)
    assert all(torch.equal(value, known.state_dict()[key]) for key, value in seen[0].items())
    assert torch.load(tmp_path / "run" / "state.pt", weights_only=True)["pictures"] == 70 + 2 * how.batch
    (store.imported_folder() / "mine.json").unlink()
    assert len(run(tmp_path / "run", objective, changed(steps=3, begin="mine"), resume=True)) == 1  # they are needed no more
    store.save(known.state_dict(), passport, store.imported_folder(), half=False)
    with pytest.raises(RecipeError, match="'mine' cannot be begun from: its network has another shape"):
        run(tmp_path / "other", Patches(3), how)


def test_a_run_is_not_overwritten(tmp_path: Path) -> None:
    run(tmp_path / "run", how=changed(steps=2))
    before = (tmp_path / "run" / "state.pt").read_bytes()
    with pytest.raises(RecipeError, match="holds a run already; go on with --resume"):
        run(tmp_path / "run")
    assert (tmp_path / "run" / "state.pt").read_bytes() == before


def test_resuming_where_nothing_is_starts(tmp_path: Path) -> None:
    assert len(run(tmp_path / "new", how=changed(steps=2), resume=True)) == 2


def test_a_folder_that_cannot_be_made_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made"):
        run(tmp_path / "file" / "run")


def test_the_moving_average_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recomputed beside the loop: decay (1 + n) / (10 + n) until it reaches `ema`; counters are copied."""
    seen: list[dict[str, torch.Tensor]] = []
    update = loop._average

    def watched(state: State, how: Run) -> None:
        if not seen:
            seen.append(copy.deepcopy(dict(state.network.state_dict())))
            seen[0].update({key: value for key, value in state.ema.state_dict().items() if "running" in key})
        update(state, how)
        seen.append(copy.deepcopy(dict(state.network.state_dict())))

    monkeypatch.setattr(loop, "_average", watched)
    run(tmp_path / "run", how=changed(steps=30, ema=0.6))
    expected = seen[0]
    for step, now in enumerate(seen[1:]):
        decay = min(0.6, (1 + step) / (10 + step))
        expected = {
            key: decay * old + (1 - decay) * now[key] if old.dtype.is_floating_point else now[key]
            for key, old in expected.items()
        }
    for key, value in weights(tmp_path / "run").items():
        torch.testing.assert_close(value, expected[key], rtol=1e-4, atol=1e-6)


def test_one_bad_batch_does_not_end_a_night(tmp_path: Path) -> None:
    class Cursed(Tiny):
        def loss(self, *args: Any) -> torch.Tensor:
            loss = super().loss(*args)
            return loss * float("nan") if len(self.curve) == 5 else loss

    run(tmp_path / "run", Cursed())
    assert all(value.isfinite().all() for value in weights(tmp_path / "run").values())


def test_the_rate_warms_up_and_falls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []
    update = loop._update

    def watched(optimizer: torch.optim.Optimizer, how: Run, rate: float) -> None:
        update(optimizer, how, rate)
        rates.append(optimizer.param_groups[0]["lr"])

    monkeypatch.setattr(loop, "_update", watched)
    run(tmp_path / "run", how=changed(warm_up=10, rate=1e-2))
    peak = rates.index(max(rates))
    assert 7 <= peak <= 12 and rates[0] < 0.2 * max(rates) and rates[-1] < 0.01 * max(rates)
    assert rates[peak:] == sorted(rates[peak:], reverse=True) and max(rates) <= 1e-2


def test_two_parts_are_one_batch_where_nothing_is_drawn(tmp_path: Path) -> None:
    """The gradient of a batch is the mean of its parts'."""
    still = Tiny(dropout=0, norm=False, noise=0)
    run(tmp_path / "one", still, changed(steps=10))
    run(tmp_path / "two", still, changed(steps=10, accumulate=2))
    one, two = (finished(still, pictures(), tmp_path / name)[0].state_dict() for name in ("one", "two"))
    for key, value in one.items():
        torch.testing.assert_close(two[key], value, rtol=1e-4, atol=1e-6)
    with pytest.raises(RecipeError, match="cannot be divided"):
        run(tmp_path / "three", still, changed(accumulate=3))


def test_pictures_are_mirrored_and_coloured_if_asked(tmp_path: Path) -> None:
    plain, flipped, coloured = (Tiny() for _ in range(3))
    run(tmp_path / "a", plain, changed(steps=1))
    run(tmp_path / "b", flipped, changed(steps=1, flip=1))
    run(tmp_path / "c", coloured, changed(steps=1, colour=0.5))
    assert len({plain.curve[0], flipped.curve[0], coloured.curve[0]}) == 3


def test_the_log_has_means_of_so_many_steps(tmp_path: Path) -> None:
    objective = Tiny()
    news = run(tmp_path / "run", objective, changed(steps=25, log_every=10, save_every=10))
    lines = read_log(tmp_path / "run" / LOG)
    assert [line["step"] for line in lines] == [10, 20, 25]
    assert lines[0]["loss"] == pytest.approx(np.mean(objective.curve[:10])) and "PSNR" not in lines[0]
    assert lines[2]["loss"] == pytest.approx(np.mean(objective.curve[15:])) and "PSNR" in lines[2]
    assert news[-1].remaining == 0 and news[9].remaining > 0


def test_samples_are_laid_out(tmp_path: Path) -> None:
    class Showing(Tiny):
        def samples(self, network: torch.nn.Module, size: int) -> torch.Tensor:
            assert not network.training
            return torch.linspace(-1, 1, 5)[:, None, None, None].expand(5, 3, 8, 8)

    from PIL import Image

    run(tmp_path / "run", Showing(), changed(steps=3))
    assert [path.name for path in (tmp_path / "run").glob("samples-*")] == ["samples-3.png"]
    with Image.open(tmp_path / "run" / "samples-3.png") as sheet:
        assert sheet.size == (28, 18) and sheet.getpixel((0, 0)) == (0, 0, 0) and sheet.getpixel((10, 10)) == (255, 255, 255)
    run(tmp_path / "none", Showing(), changed(steps=3, samples_every=0))
    assert not list((tmp_path / "none").glob("samples-*"))


def test_a_second_average_is_longer(tmp_path: Path) -> None:
    run(tmp_path / "run", how=changed(steps=20, ema=0.1, ema2=0.9))
    short, long = (finished(Tiny(), pictures(), tmp_path / "run", which)[0].state_dict()["0.weight"] for which in ("ema", "ema2"))
    stored = torch.load(tmp_path / "run" / "state.pt", weights_only=True)["network"]["0.weight"]
    assert 0 < (short - stored).abs().max() < (long - stored).abs().max()


@pytest.mark.parametrize("better", ["higher", "lower"])
def test_the_better_average_ships(tmp_path: Path, better: str) -> None:
    from restauro.training.ship import ship

    objective = Tiny()
    objective.better = better  # type: ignore[attr-defined]
    run(tmp_path / "run", objective, changed(steps=20, ema=0.1, ema2=0.95))
    facts = {"name": "toy", "folder": tmp_path, "about": "noise", "command": "", "licence": ""}
    passport = ship(objective, pictures(), pictures(4), RUN, tmp_path / "run", **facts)  # type: ignore[arg-type]
    found = []
    for which in ("ema", "ema2"):
        network = finished(objective, pictures(), tmp_path / "run", which)[0].half().float()
        with torch.no_grad():
            found.append(objective.scores(network, pictures(4))["PSNR"])
    assert passport.scores["PSNR"] == pytest.approx((max if better == "higher" else min)(found), abs=1e-4)
    assert passport.device.startswith("CPU") and passport.pictures_seen == 80 and passport.size == 8


class Preparing(Tiny):
    """Says beforehand what it needs."""

    def prepare(self, pictures: torch.Tensor, index: np.ndarray, data: Any, rng: np.random.Generator) -> Any:
        return pictures, pictures + 0.1 * torch.from_numpy(rng.standard_normal(pictures.shape)).float()

    def learn(self, network: torch.nn.Module, prepared: Any, rng: np.random.Generator) -> torch.Tensor:
        pictures, noisy = prepared
        loss = (network(noisy + 0.01 * float(rng.standard_normal())) - pictures).square().mean()
        self.curve.append(float(loss.detach()))
        return loss


@pytest.mark.filterwarnings("ignore:This DataLoader")
@pytest.mark.parametrize("kind", [Tiny, Preparing])
def test_workers_change_nothing_but_the_time(tmp_path: Path, kind: type[Tiny]) -> None:
    alone, helped, resumed = kind(), kind(), kind()
    run(tmp_path / "alone", alone, changed(steps=12))
    run(tmp_path / "helped", helped, changed(steps=6, workers=2, decay="none"))
    assert helped.curve[:1] == alone.curve[:1] and len(helped.curve) == 6
    again = kind()
    run(tmp_path / "again", again, changed(steps=6, decay="none"))
    assert helped.curve == again.curve
    run(tmp_path / "helped", resumed, changed(steps=12, workers=1, decay="none", save_every=10), resume=True)
    assert len(resumed.curve) == 6


def test_workers_hand_over_what_the_objective_is_given_without_them() -> None:
    from restauro.training.batches import Batches
    from restauro.training.ranks import Ranks

    batches = {workers: Batches(Tiny(), pictures(), changed(workers=workers), Ranks()).since(3) for workers in (0, 1)}
    for _ in range(2):
        (alone,), (helped,) = (next(coming) for coming in batches.values())
        assert type(helped.index) is np.ndarray and (helped.index == alone.index).all() and torch.equal(helped.ready, alone.ready)
        assert helped.rng.random() == alone.rng.random()


OTHER = {
    "batch": 6,
    "accumulate": 2,
    "rate": 5e-3,
    "warm_up": 0,
    "decay": "none",
    "flat": 0.5,
    "beta1": 0.5,
    "beta2": 0.9,
    "weight_decay": 0.5,
    "ema": 0.05,
    "ema2": 0.5,
    "clip": 0.01,
    "flip": 1.0,
    "colour": 0.3,
    "seed": 1,
    "dtype": "bfloat16",
}
"""Another value of every knob that changes what is learned."""
ELSEWHERE = set("minutes steps begin device workers compile save_every samples_every log_every slice_minutes".split())
ELSEWHERE |= {"part_mb", "light"}
"""They decide when, where and how, and `begin` with what; each has a test of its own."""


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return outcome(tmp_path_factory.mktemp("plain"), RUN)


def outcome(out: Path, how: Run) -> dict[str, Any]:
    run(out, how=msgspec.structs.replace(how, steps=4, save_every=10))
    stored = torch.load(out / "state.pt", weights_only=True)
    return {f"{part} {key}": value for part in ("network", "ema", "ema2") for key, value in stored.get(part, {}).items()}


@pytest.mark.parametrize("knob", OTHER)
def test_every_knob_is_alive(tmp_path: Path, learned: dict[str, Any], knob: str) -> None:
    found = outcome(tmp_path, changed(**{knob: OTHER[knob]}))
    assert found.keys() != learned.keys() or any(not torch.equal(found[key], learned[key]) for key in learned)


def test_no_knob_is_forgotten() -> None:
    assert set(OTHER) | ELSEWHERE == set(Run.__struct_fields__) and not set(OTHER) & ELSEWHERE
