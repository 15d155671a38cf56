import json

from restauro.evaluation.statistics import Interval
from restauro.evaluation.tables import Column, Table

TABLE = Table(
    "Faces, codeformer chain",
    [Column("PSNR dB", "up"), Column("LPIPS", "down", 3), Column("steps", "", 0)],
    [
        ("input", [24.123, 0.41, None]),
        ("ours", [Interval(26.5, 26.123, 26.9, 40), 0.2, 10]),
        ("theirs | odd", [float("nan"), 0.2004, "?"]),
    ],
    notes="40 pictures.",
)


def test_text_is_aligned_and_marks_the_best():
    lines = TABLE.text().splitlines()
    assert "26.50 [26.12, 26.90]*" in lines[5] and "24.12*" not in lines[4]
    assert lines[5].count("*") == 2 and lines[6].count("*") == 1  # 0.2 and 0.2004 are shown alike: both are best
    assert lines[2].index("PSNR dB ↑") + len("PSNR dB ↑") == lines[5].index("*")
    assert lines[-1] == "40 pictures."


def test_markdown():
    lines = TABLE.markdown().splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert len({len(row) - row.count("\\|") for row in rows}) <= 2 and all(row.replace("\\|", "").count("|") == 5 for row in rows)
    assert "**26.50 [26.12, 26.90]**" in rows[3] and "theirs \\| odd" in rows[4]


def test_json_and_endings(tmp_path):
    for name in ("t.json", "t.md", "t.txt"):
        TABLE.save(tmp_path / name)
    stored = json.loads((tmp_path / "t.json").read_text())
    assert stored["rows"]["ours"]["PSNR dB"] == {"mean": 26.5, "low": 26.123, "high": 26.9, "n": 40}
    assert stored["rows"]["theirs | odd"]["PSNR dB"] is None
    assert (tmp_path / "t.md").read_text(encoding="utf-8") == TABLE.markdown()
    assert (tmp_path / "t.txt").read_text(encoding="utf-8") == TABLE.text()
