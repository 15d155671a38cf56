"""A study page: people tell real pictures from made ones, and rank results. One HTML file that needs no network.

Real or fake, as pix2pix was judged (Isola et al. 2017, section 3.2): a real and a made picture side by side for a second, then as
much time as one likes; the first trials with feedback, which do not count; one method a session, drawn at random or named behind
the page's address (page.html#NAME). Ranking, as Bringing Old Photos Back to Life was judged: all results of a picture from the
best to the worst. The page sends its answers nowhere and gives them out as CSV; `answers.py` reads them.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from PIL import Image

from restauro.core.errors import InputError
from restauro.core.files import by_name, write_atomically
from restauro.evaluation.sheets import to_image
from restauro.photo.read import read

Files = Mapping[str, Path]
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"}


class Pool:
    """The pictures of a page as data addresses, and the sizes that their files have."""

    def __init__(self, side: int):
        self.stored: list[str] = []
        self.sizes: list[tuple[int, int]] = []
        self._side = side

    def add(self, path: Path) -> int:
        """Its place in `stored`; reduced where a side is longer than the page shows, never enlarged."""
        image = to_image(read(path).pixels)
        self.sizes.append(image.size)
        image.thumbnail((self._side, self._side), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        self.stored.append("data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode())
        return len(self.stored) - 1


def make_study(
    path: str | Path,
    methods: Mapping[str, str | Path],
    *,
    real: str | Path | None = None,
    rank: bool = False,
    shown: str | Path | None = None,
    title: str = "Which picture is real?",
    paired: bool = True,
    practice: int = 10,
    trials: int = 40,
    seconds: float = 1.0,
    side: int = 256,
) -> Path:
    """Write the page. methods: name -> folder of what it made; pictures of one name belong together, whatever their endings.

    real: folder of the real pictures: asks for real or fake. rank: asks for a ranking of all methods; shown: folder of the
    pictures that stand above the results. paired: both pictures of a trial have one name; otherwise the real one is another.
    practice, trials: at most so many; of few pictures a fifth are for practice. seconds: how long a pair is seen. side: pixels
    of a picture on the page. Raises InputError where nothing can be asked, or names do not match.
    """
    if real is None and not rank:
        raise InputError("a study needs real pictures, to ask for real or fake, or a ranking of methods")
    if rank and len(methods) < 2:
        raise InputError("a ranking needs the results of two methods at least")
    if not methods:
        raise InputError("a study needs the folder of a method's pictures")
    pool, made = Pool(side), [by_name(folder, SUFFIXES) for folder in methods.values()]
    names = sorted(set.intersection(*map(set, made)))
    asked = _trials(pool, names, made, by_name(real, SUFFIXES)) if real is not None else []
    if asked and not paired and len(asked) < 2:
        raise InputError("trials of unpaired pictures need two pictures at least")
    practice = min(practice, len(asked) // 5)
    content: dict[str, Any] = {
        "title": title,
        "methods": list(methods),
        "trials": asked,
        "ranking": _ranking(pool, names, made, by_name(shown, SUFFIXES) if shown else None) if rank else [],
        "paired": paired,
        "practice": practice,
        "count": min(trials, len(asked) - practice),
        "seconds": seconds,
        "side": side,
        "pictures": pool.stored,
    }
    if not content["trials"] and not content["ranking"]:
        raise InputError("no picture is in all of the folders: they belong together by their names", "missing")
    content["study"] = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]
    page = files("restauro.evaluation").joinpath("study.html").read_text(encoding="utf-8")
    data = json.dumps(content).replace("<", "\\u003c")  # nothing in it may end the script
    return write_atomically(path, page.replace("STUDY", data, 1).encode())


def _trials(pool: Pool, names: Sequence[str], made: Sequence[Files], real: Files) -> list[dict[str, Any]]:
    found = []
    for name in (name for name in names if name in real):
        numbers = [pool.add(one[name]) for one in (real, *made)]
        sizes = {pool.sizes[number] for number in numbers}
        if len(sizes) > 1:
            told = ", ".join(f"{width} x {height}" for width, height in sorted(sizes))
            raise InputError(f"{name}: the sizes of the real picture and of those that were made give them away: {told}")
        found.append({"item": name, "real": numbers[0], "fakes": numbers[1:]})
    return found


def _ranking(pool: Pool, names: Sequence[str], made: Sequence[Files], shown: Files | None) -> list[dict[str, Any]]:
    return [
        {"item": name, "shown": pool.add(shown[name]) if shown else None, "results": [pool.add(one[name]) for one in made]}
        for name in names
        if shown is None or name in shown
    ]
