"""Reading a study's answers: shares and their intervals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from restauro.core.errors import InputError
from restauro.evaluation.answers import COLUMNS, read_answers, share


def written(path: Path, rows: list[tuple[str, str, str, int]], study: str = "s") -> Path:
    """rows: session, part, method, value."""
    lines = [",".join(COLUMNS)]
    lines += [f"{study},{session},{part},1,face,{method},{value},left,1000,700" for session, part, method, value in rows]
    path.write_text("\r\n".join(lines) + "\r\n", encoding="utf-8")
    return path


def test_shares(tmp_path: Path) -> None:
    a = written(tmp_path / "a.csv", [("1", "practice", "ours", 1), *[("1", "real-or-fake", "ours", v) for v in (1, 0, 0, 0)]])
    ranks = [("ours", 1), ("theirs", 2), ("grey", 3), ("ours", 2), ("theirs", 1), ("grey", 3)]
    b = written(tmp_path / "b.csv", [("2", "real-or-fake", "ours", 1), *[("2", "ranking", m, v) for m, v in ranks]])
    found = read_answers([a, b, a])
    assert found.people == 2 and found.repeated == [str(a)]
    assert found.fooled["ours"].mean == 2 / 5 and found.fooled["ours"].n == 5
    assert {name: one.mean for name, one in found.first.items()} == {"ours": 0.5, "theirs": 0.5, "grey": 0}
    assert {name: one.mean for name, one in found.second.items()} == {"ours": 1, "theirs": 1, "grey": 0}
    table = found.table().text()
    assert "2 people" in table and "40.0" in table and "within the first two" in table


def test_intervals_know_that_answers_of_one_person_hang_together() -> None:
    rng = np.random.default_rng(0)
    alike = [[float(v) for v in rng.random(40) < 0.5] for _ in range(20)]
    split = [[1.0] * 40] * 10 + [[0.0] * 40] * 10
    narrow, wide = share(alike), share(split)
    assert wide.mean == 0.5 and narrow.low < narrow.mean < narrow.high
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)
    assert share([[1.0, 0.0] * 30]).high - share([[1.0, 0.0] * 30]).low == pytest.approx(4 * 0.5 / 60**0.5, rel=0.15)


def test_the_interval_covers() -> None:
    """People differ as in real studies; nineteen of twenty intervals should hold the truth."""
    rng, hits = np.random.default_rng(1), 0
    for trial in range(100):
        people = rng.beta(3, 9, 25)
        answers = [[float(v) for v in rng.random(40) < p] for p in people]
        found = share(answers, resamples=400, seed=trial)
        hits += found.low <= 0.25 <= found.high
    assert hits >= 89


def test_what_is_no_file_of_answers(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="is no file of answers"):
        read_answers([tmp_path / "x.csv"])
    with pytest.raises(InputError, match="cannot be read"):
        read_answers([tmp_path / "none.csv"])
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(InputError, match="cannot be read"):
        read_answers([tmp_path / "b.csv"])
    for value, part in ((2, "real-or-fake"), (0, "ranking"), (1, "sleeping")):
        with pytest.raises(InputError, match="line 2"):
            read_answers([written(tmp_path / "y.csv", [("1", part, "ours", value)])])
    with pytest.raises(InputError, match="practice"):
        read_answers([written(tmp_path / "y.csv", [("1", "practice", "ours", 1)])])
    one, two = (written(tmp_path / f"{s}.csv", [(s, "real-or-fake", "ours", 1)], study=s) for s in "pq")
    with pytest.raises(InputError, match="2 different studies"):
        read_answers([one, two])
