"""A run can be stopped at any moment: by SIGKILL, by Ctrl-C, by a full disk; whole, in parts, or from the average alone."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import resource
import signal
import time
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import pytest
import torch
from safetensors.torch import load_file

from restauro.core.errors import OutputError, RecipeError
from restauro.training.checkpoint import LIGHT, LOG, STATE, exists, read_log
from restauro.training.loop import finished, train
from restauro.training.parted import Parted
from restauro.training.run import Run
from tests.training.tiny import RUN, Tiny, pictures

FORK = multiprocessing.get_context("fork")


def changed(**settings: Any) -> Run:
    return msgspec.structs.replace(RUN, **settings)


def run(out: Path, how: Run = RUN, objective: Tiny | None = None, *, resume: bool = False) -> list[int]:
    return [news.step for news in train(objective or Tiny(), pictures(), pictures(4), how, out, resume=resume)]


def weights(out: Path) -> dict[str, torch.Tensor]:
    return finished(Tiny(), pictures(), out)[0].state_dict()


def losses(out: Path) -> list[tuple[int, float, float]]:
    return [(line["step"], line["loss"], line["PSNR"]) for line in read_log(out / LOG)]


def left(out: Path) -> list[str]:
    return sorted(path.name for path in out.iterdir())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run."""
    out = tmp_path_factory.mktemp("whole")
    run(out)
    return out


@pytest.mark.parametrize("how", [RUN, changed(part_mb=0.004, light=True)], ids=["one file", "in parts"])
def test_a_run_killed_at_random_moments_ends_as_if_nothing_had_happened(tmp_path: Path, whole: Path, how: Run) -> None:
    """The same log and the same weights, to the last bit."""
    out = tmp_path / "run"
    moments = random.Random(0)
    killed = 0
    while killed < 4:
        before = len(read_log(out / LOG))
        process = FORK.Process(target=run, args=(out, how), kwargs={"resume": True})
        process.start()
        while process.is_alive() and len(read_log(out / LOG)) < before + 4:
            time.sleep(0.001)
        time.sleep(moments.uniform(0, 0.02))
        process.kill()
        process.join()
        killed += process.exitcode == -signal.SIGKILL
        if process.exitcode == 0:
            break
    assert killed >= 2
    run(out, how, resume=True)
    assert losses(out) == losses(whole)
    for key, value in weights(whole).items():
        assert torch.equal(value, weights(out)[key]), key
    assert not list(out.glob("*.part")) and not list(out.glob(".*"))


def test_what_a_kill_left_behind_is_removed(tmp_path: Path) -> None:
    run(tmp_path, changed(steps=2))
    for name in (".0123.part", "state.pt.7.000"):
        (tmp_path / name).write_bytes(b"half")
    with (tmp_path / LOG).open("a") as log:
        log.write('{"step": 3, "loss": 9.0}\n{"step": 4, "lo')
    assert run(tmp_path, changed(steps=3), resume=True) == [3]
    assert left(tmp_path) == [LOG, STATE] and [line["step"] for line in read_log(tmp_path / LOG)] == [1, 2, 3]
    assert read_log(tmp_path / LOG)[2]["loss"] != 9.0


def test_ctrl_c_leaves_the_last_checkpoint_and_nothing_else(tmp_path: Path) -> None:
    objective = Tiny()

    def stop(_: Any) -> None:
        if len(objective.curve) == 4:
            raise KeyboardInterrupt

    objective.watch = stop
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, objective=objective)
    assert left(tmp_path) == [LOG, STATE]
    assert run(tmp_path, changed(steps=5), resume=True) == [5]


@pytest.mark.parametrize("part_mb", [0, 0.002])
def test_ctrl_c_while_a_checkpoint_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part_mb: float) -> None:
    how = changed(part_mb=part_mb)
    fails_at(monkeypatch, 4, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, how)
    monkeypatch.undo()
    files = left(tmp_path)
    assert not any(name.endswith(".part") or ".4." in name for name in files), files
    assert run(tmp_path, changed(steps=5, part_mb=part_mb), resume=True) == [4, 5]


def fails_at(monkeypatch: pytest.MonkeyPatch, checkpoint: int, failure: BaseException) -> None:
    """The so-manieth checkpoint is cut off after some bytes."""
    save, written = torch.save, itertools.count(1)

    def cut_off(content: Any, file: BinaryIO) -> None:
        if next(written) < checkpoint:
            save(content, file)
            return
        file.write(b"half" * 1000)
        raise failure

    monkeypatch.setattr(torch, "save", cut_off)


@pytest.mark.parametrize("part_mb", [0, 0.002])
@pytest.mark.parametrize(
    "failure", [OSError(28, "No space left on device"), RuntimeError("PytorchStreamWriter failed writing file")]
)
def test_a_checkpoint_is_whole_or_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception, part_mb: float
) -> None:
    fails_at(monkeypatch, 4, failure)
    with pytest.raises(OutputError, match="the previous one is intact") as refusal:
        run(tmp_path, changed(part_mb=part_mb))
    assert "\n" not in str(refusal.value)
    monkeypatch.undo()
    assert not any(".part" in name or ".4." in name for name in left(tmp_path))
    assert run(tmp_path, changed(steps=5), resume=True) == [4, 5]


def test_a_first_checkpoint_that_fails_leaves_no_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fails_at(monkeypatch, 1, OSError(28, "No space left on device"))
    with pytest.raises(OutputError):
        run(tmp_path)
    assert left(tmp_path) == [LOG] and not exists(tmp_path)


def test_a_disk_that_fills_up(tmp_path: Path) -> None:
    """The system itself refuses: no file of this process may grow beyond what three checkpoints took."""
    run(tmp_path, changed(steps=3))
    size = (tmp_path / STATE).stat().st_size

    def on_a_full_disk() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size - 100, size - 100))
        try:
            run(tmp_path, resume=True)
        except OutputError as error:
            os._exit(7 if "the previous one is intact" in str(error) else 8)

    process = FORK.Process(target=on_a_full_disk)
    process.start()
    process.join(60)
    assert process.exitcode == 7
    assert left(tmp_path) == [LOG, STATE]
    assert run(tmp_path, changed(steps=5), resume=True) == [4, 5]


def test_a_foreign_or_damaged_checkpoint_is_refused_in_one_line(tmp_path: Path) -> None:
    run(tmp_path, changed(steps=2))
    with pytest.raises(RecipeError, match="cannot be resumed") as refusal:
        run(tmp_path, objective=Tiny(widths=6), resume=True)
    assert "\n" not in str(refusal.value)
    content = (tmp_path / STATE).read_bytes()
    for broken in (content[: len(content) // 2], b"", b"no checkpoint"):
        (tmp_path / STATE).write_bytes(broken)
        with pytest.raises(RecipeError, match="cannot be resumed"):
            run(tmp_path, resume=True)


def test_no_part_is_larger_than_asked_and_none_may_be_missing(tmp_path: Path) -> None:
    run(tmp_path, changed(steps=2, part_mb=0.002, light=True))
    parts = [path for path in tmp_path.iterdir() if path.suffix not in (".json", ".jsonl")]
    assert len(parts) > 4 and max(path.stat().st_size for path in parts) <= 2000
    assert all(".2." in path.name for path in parts)
    assert run(tmp_path, changed(steps=3, part_mb=0.002), resume=True) == [3]
    assert run(tmp_path, changed(steps=4), resume=True) == [4] and (tmp_path / STATE).exists()
    assert run(tmp_path, changed(steps=5, part_mb=0.002), resume=True) == [5] and not (tmp_path / STATE).exists()
    next(tmp_path.glob("state.pt.5.001")).unlink()
    with pytest.raises(RecipeError, match="cannot be resumed"):
        run(tmp_path, resume=True)


def test_parts_join_to_what_was_written(tmp_path: Path) -> None:
    file = Parted(tmp_path / "a.bin")
    for generation, data in enumerate((bytes(range(256)) * 5, b"", b"x", bytes(1000))):
        file.write(lambda out, data=data: [out.write(data[:700]), out.write(data[700:])], generation=generation, limit=100)  # type: ignore[misc]
        assert file.exists() and file.read().getvalue() == data


def test_the_light_one_is_half_the_average_and_warms_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, changed(steps=20, light=True))
    full = weights(tmp_path)
    (tmp_path / STATE).unlink()
    light = load_file(tmp_path / LIGHT)
    assert light["0.weight"].dtype == torch.float16 and light["1.num_batches_tracked"].dtype == torch.int64
    torch.testing.assert_close(weights(tmp_path)["0.weight"], full["0.weight"], rtol=1e-3, atol=1e-4)
    assert exists(tmp_path)
    with pytest.raises(RecipeError, match="holds a run already"):
        run(tmp_path)
    news = list(train(Tiny(), pictures(), pictures(4), changed(steps=40), tmp_path, resume=True))
    assert news[0].step == 21 and news[0].rate < 0.3 * news[4].rate
    (tmp_path / STATE).unlink()
    (tmp_path / LIGHT).write_bytes(b"x" * 100)
    with pytest.raises(RecipeError, match="cannot be resumed"):
        run(tmp_path, resume=True)


def test_a_newer_light_one_is_gone_on_from(tmp_path: Path) -> None:
    """It was carried home alone, into the folder where an older full one lies."""
    run(tmp_path / "home", changed(steps=5, light=True))
    run(tmp_path / "away", changed(steps=9, light=True))
    (tmp_path / "away" / LIGHT).replace(tmp_path / "home" / LIGHT)
    assert run(tmp_path / "home", changed(steps=11), resume=True) == [10, 11]
    assert run(tmp_path / "home", changed(steps=12), resume=True) == [12]  # and now the full one is newer
    assert torch.load(tmp_path / "home" / STATE, weights_only=True)["pictures"] == 48
