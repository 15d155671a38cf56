"""Laws of the training loop: bounded, resumable, never half-written."""

from __future__ import annotations

import copy
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from restauro.core.errors import OutputError, RecipeError
from restauro.training import loop
from restauro.training.loop import LOG, STATE, Progress, Run, finished, train
from tests.training.tiny import RUN, Tiny, pictures

REPOSITORY = Path(__file__).parents[2]


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
    written = [json.loads(line) for line in (tmp_path / "run" / LOG).read_text().splitlines()]
    assert [line["step"] for line in written] == list(range(1, 61)) and "error" in written[-1]


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


def test_a_killed_run_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    """SIGKILL in the middle; the losses of the resumed run are those of an uninterrupted one, to the last bit."""
    whole = Tiny()
    run(tmp_path / "whole", whole)
    command = [sys.executable, "-m", "tests.training.tiny", str(tmp_path)]
    path = os.pathsep.join(filter(None, [str(REPOSITORY / "src"), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path}
    with subprocess.Popen([*command, "new"], stdout=subprocess.PIPE, text=True, env=environment, cwd=REPOSITORY) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= 20:
                process.kill()
                break
    seen = len((tmp_path / "notes").read_text().splitlines())
    assert 20 <= seen < 60
    assert not (tmp_path / "run" / "notes").exists()
    at = torch.load(tmp_path / "run" / STATE, weights_only=True)["step"]
    (tmp_path / "notes").unlink()
    done = subprocess.run([*command, "resume"], capture_output=True, text=True, env=environment, cwd=REPOSITORY, timeout=120)
    assert done.returncode == 0, done.stderr
    rest = [json.loads(line) for line in (tmp_path / "notes").read_text().splitlines()]
    assert rest == whole.curve[at:]
    for key, value in weights(tmp_path / "whole").items():
        assert torch.equal(value, weights(tmp_path / "run")[key]), key


def test_a_run_is_not_overwritten(tmp_path: Path) -> None:
    run(tmp_path / "run", how=changed(steps=2))
    before = (tmp_path / "run" / STATE).read_bytes()
    with pytest.raises(RecipeError, match="holds a run already; go on with --resume"):
        run(tmp_path / "run")
    assert (tmp_path / "run" / STATE).read_bytes() == before


def test_resuming_where_nothing_is_starts(tmp_path: Path) -> None:
    assert len(run(tmp_path / "new", how=changed(steps=2), resume=True)) == 2


def test_a_foreign_or_damaged_checkpoint_is_refused_in_one_line(tmp_path: Path) -> None:
    run(tmp_path / "run", how=changed(steps=2))
    with pytest.raises(RecipeError, match="cannot be resumed") as refusal:
        run(tmp_path / "run", Tiny(widths=6), resume=True)
    assert "\n" not in str(refusal.value)
    whole = (tmp_path / "run" / STATE).read_bytes()
    for broken in (whole[: len(whole) // 2], b"", b"no checkpoint"):
        (tmp_path / "run" / STATE).write_bytes(broken)
        with pytest.raises(RecipeError, match="cannot be resumed"):
            run(tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    "failure", [OSError(28, "No space left on device"), RuntimeError("PytorchStreamWriter failed writing file")]
)
def test_a_checkpoint_is_whole_or_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    whole = torch.save
    written = itertools.count()

    def full_disk(content: Any, path: Path) -> None:
        if next(written) < 3:
            whole(content, path)
        else:
            Path(path).write_bytes(b"half")
            raise failure

    monkeypatch.setattr(loop.torch, "save", full_disk)
    with pytest.raises(OutputError, match="the previous one is intact"):
        run(tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [LOG, STATE]
    assert torch.load(tmp_path / "run" / STATE, weights_only=True)["step"] == 3
    monkeypatch.undo()
    assert run(tmp_path / "run", how=changed(steps=5), resume=True)[0].step == 4


def test_a_first_checkpoint_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(content: Any, path: Path) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(loop.torch, "save", full_disk)
    with pytest.raises(OutputError):
        run(tmp_path / "run")
    assert list((tmp_path / "run").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made"):
        run(tmp_path / "file" / "run")


def test_the_moving_average_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recomputed beside the loop: decay (1 + n) / (10 + n) until it reaches `ema`; counters are copied."""
    seen: list[dict[str, torch.Tensor]] = []
    update = loop._update

    def watched(state: loop.State, loss: torch.Tensor, how: Run) -> None:
        if not seen:
            seen.append(copy.deepcopy(dict(state.network.state_dict())))
        update(state, loss, how)
        seen.append(copy.deepcopy(dict(state.network.state_dict())))

    monkeypatch.setattr(loop, "_update", watched)
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

    def watched(state: loop.State, loss: torch.Tensor, how: Run) -> None:
        update(state, loss, how)
        rates.append(state.optimizer.param_groups[0]["lr"])

    monkeypatch.setattr(loop, "_update", watched)
    run(tmp_path / "run", how=changed(warm_up=10, rate=1e-2))
    peak = rates.index(max(rates))
    assert 7 <= peak <= 12 and rates[0] < 0.2 * max(rates) and rates[-1] < 0.01 * max(rates)
    assert rates[peak:] == sorted(rates[peak:], reverse=True) and max(rates) <= 1e-2
