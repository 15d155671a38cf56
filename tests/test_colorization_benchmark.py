"""The benchmark of colouring: its rows, and that lightness is counted."""

from __future__ import annotations

import numpy as np

from benchmarks import colorization
from restauro.networks.colorizer import Colorizer
from restauro.restorers.colour import TO_CHROMA
from restauro.weights.passports import Passport
from restauro.weights.store import imported_folder, save
from tests.shared import needs_shared


@needs_shared
def test_colouring_is_scored_beside_what_costs_nothing() -> None:
    """A colorizer of random weights against grey, one colour, and the best that its resolution allows."""
    arguments = {"width": 8, "mult": [1, 2], "blocks": [1, 1], "bins": 5}
    about = Passport(name="bench-colorizer", what="-", kind="colorizer", architecture="colorizer", arguments=arguments, size=64)
    save(Colorizer(**arguments).state_dict(), about, imported_folder())  # type: ignore[arg-type]
    y, x = np.mgrid[:64, :96] / 15.0
    picture = (0.5 + 0.3 * np.stack([np.sin(x), np.sin(y + x), np.cos(x - y)], -1)).astype(np.float32)
    mean = (picture @ TO_CHROMA.T).mean((0, 1))
    scores = colorization.scored([picture, picture[::-1]], colorization.ways("bench-colorizer", [1.0], mean))
    assert list(scores) == ["grey", "one colour", "ours, temperature 1", "ours", "true chroma, small"]
    error = {name: row["chroma error"].mean() for name, row in scores.items()}
    assert error["true chroma, small"] < 0.5 * error["one colour"] and error["one colour"] <= error["grey"] + 1
    assert all((row["luma"] >= 0.999).all() for row in scores.values()) and (scores["grey"]["colourfulness"] == 0).all()
    assert "ours - one colour: off" in colorization.claims(scores) and "s/MP" in colorization.table(scores, "-").text()
    for file in imported_folder().glob("bench-colorizer.*"):
        file.unlink()
