"""The study page: needs no network, asks as it should, and its answers can be read. In a real browser where there is one."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from restauro.core.errors import InputError
from restauro.evaluation.answers import COLUMNS, read_answers
from restauro.evaluation.study import make_study

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), "")
DRIVER = """<script>
(async () => {
  const press = key => dispatchEvent(new KeyboardEvent("keydown", { key }));
  const seen = [];
  for (;;) {
    await new Promise(done => setTimeout(done, 50));
    const [csv, next, left, choices] = [document.getElementById("csv"), document.getElementById("next"),
      document.getElementById("left"), document.querySelectorAll(".choice:not(.ranked)")];
    if (csv) break;
    if (choices.length) choices[0].click();
    else if (next) next.click();
    else if (left && !left.disabled) {
      if (document.querySelectorAll("#pair img").length) throw new Error("the pictures are still there");
      press("ArrowLeft");
    } else if (left && !document.querySelector("#pair.hidden")) seen.push(document.querySelectorAll("#pair img").length);
  }
  document.body.dataset.seen = [...new Set(seen)].join();
})();
</script>"""
"""Clicks its way through the page: always the left picture, and results in the order in which they stand."""


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """Seven real pictures, and two methods' of six of them."""
    found = {}
    for number, name in enumerate(("real", "ours", "theirs", "old")):
        found[name] = tmp_path / name
        found[name].mkdir()
        for i in range(7 if name == "real" else 6):
            levels = np.full((48, 40, 3), 40 * number + i, np.uint8)
            Image.fromarray(levels).save(found[name] / f"{i}.{'jpg' if name == 'old' else 'png'}")
    return found


def content(page: Path) -> dict[str, Any]:
    data = re.search(r'<script type="application/json" id="study">(.*?)</script>', page.read_text(encoding="utf-8"))
    assert data
    found: dict[str, Any] = json.loads(data[1])
    return found


def both(folders: dict[str, Path], page: Path, **more: Any) -> Path:
    methods = {"ours": folders["ours"], "theirs": folders["theirs"]}
    return make_study(page, methods, real=folders["real"], rank=True, shown=folders["old"], **more)


def test_the_page_is_whole_and_asks_nobody(folders: dict[str, Path], tmp_path: Path) -> None:
    page = both(folders, tmp_path / "study.html", title="</script><b>Faces")
    text = page.read_text(encoding="utf-8")
    assert "http://" not in text and "https://" not in text and "//cdn" not in text and "default-src 'none'" in text
    assert "<b>Faces" not in text
    found = content(page)
    assert found["title"] == "</script><b>Faces" and found["methods"] == ["ours", "theirs"]
    assert [one["item"] for one in found["trials"]] == [one["item"] for one in found["ranking"]] == list("012345")
    assert (found["practice"], found["count"]) == (1, 5)
    numbers = [n for one in found["trials"] for n in (one["real"], *one["fakes"])]
    assert sorted(numbers) == list(range(18)) and len(found["pictures"]) == 36
    assert all(re.fullmatch(r"data:image/png;base64,[\w+/=]+", one) for one in found["pictures"])
    assert content(both(folders, tmp_path / "again.html", title="</script><b>Faces"))["study"] == found["study"]
    assert content(both(folders, tmp_path / "other.html"))["study"] != found["study"]


def test_what_cannot_be_asked(folders: dict[str, Path], tmp_path: Path) -> None:
    out, ours = tmp_path / "x.html", {"ours": folders["ours"]}
    for words, settings in {
        "real pictures": {},
        "two methods": {"rank": True},
        "no such folder": {"real": tmp_path / "none"},
    }.items():
        with pytest.raises(InputError, match=words):
            make_study(out, ours, **settings)  # type: ignore[arg-type]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="in all of the folders"):
        make_study(out, ours, real=tmp_path / "empty")
    Image.new("RGB", (40, 40)).save(folders["ours"] / "3.png")
    with pytest.raises(InputError, match=r"3: the sizes .* 40 x 40, 40 x 48"):
        make_study(out, ours, real=folders["real"])
    assert not out.exists()


@pytest.mark.skipif(not BROWSER, reason="no Chromium here: the page is not opened")
def test_in_a_browser(folders: dict[str, Path], tmp_path: Path) -> None:
    page = both(folders, tmp_path / "study.html")
    text = page.read_text(encoding="utf-8").replace("</body>", DRIVER + "</body>")
    page.write_text(text, encoding="utf-8")
    words = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    words += ["--virtual-time-budget=3000000", "--dump-dom", f"{page.as_uri()}#theirs"]
    dom = subprocess.run(words, capture_output=True, text=True, timeout=60).stdout
    found = re.search(r'<textarea id="csv"[^>]*>(.*?)</textarea>', dom, re.DOTALL)
    assert found, dom[-2000:]
    assert 'data-seen="2"' in dom
    lines = html.unescape(found[1]).split()
    file = tmp_path / "answers.csv"
    file.write_text(html.unescape(found[1]))
    assert lines[0] == ",".join(COLUMNS)
    answers = read_answers([file])
    assert answers.people == 1 and answers.fooled["theirs"].n == 5 and "ours" not in answers.fooled
    assert answers.first["ours"].n == answers.second["theirs"].n == 6
    assert answers.first["ours"].mean + answers.first["theirs"].mean == 1
    rows = [line.replace(" of fake ", " ").split(",") for line in html.unescape(found[1]).strip().splitlines()[1:]]
    trials = [dict(zip(COLUMNS, row, strict=True)) for row in rows if row[2] != "ranking"]
    assert [one["part"] for one in trials] == ["practice"] + ["real-or-fake"] * 5
    assert sorted(one["item"] for one in trials) == list("012345")
    assert all(1000 <= int(one["shown_ms"]) < 1150 for one in trials)
    assert all(int(one["value"]) == (one["answer"] != "left left") for one in trials)
