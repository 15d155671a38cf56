import numpy as np
import pytest
import torch
from PIL import Image

from restauro.core.errors import InputError
from restauro.evaluation.sheets import PAPER, before_after, contact_sheet, save_sheet, to_image


def test_all_kinds_of_pictures_round():
    array = np.full((4, 6, 3), 200, np.uint8)
    kinds = [
        Image.fromarray(array),
        array,
        array / 255,
        torch.full((3, 4, 6), 200 / 127.5 - 1),
        torch.full((1, 3, 4, 6), 200 / 127.5 - 1),
    ]
    for kind in kinds:
        assert (np.asarray(to_image(kind)) == array).all()
    with pytest.raises(InputError, match="a sheet shows"):
        to_image(np.zeros((4, 6)))


def test_pictures_keep_their_shape_and_pixels():
    wide = np.zeros((32, 64, 3), np.uint8)
    wide[:, ::2] = 200
    sheet = np.asarray(contact_sheet([[wide, None], [None, wide]], cell=128))
    dark = np.argwhere((sheet == 0).all(-1))
    assert ((sheet == 200).all(-1)).sum() == 2 * 64 * 128 // 2  # enlarged twice, exactly
    assert len(dark) == 2 * 64 * 128 // 2
    assert tuple(sheet[0, 0]) == PAPER


def test_words_do_not_move_pictures_out(tmp_path):
    picture = np.full((64, 64, 3), (90, 10, 200), np.uint8)
    sheet = contact_sheet(
        [[picture] * 2] * 2, ["a very long title " * 9, "b"], ["first", "second"], [["x", "y"]] * 2, cell=96, heading="Head"
    )
    assert (np.asarray(sheet) == (90, 10, 200)).all(-1).sum() == 4 * 96 * 96
    path = save_sheet(sheet, tmp_path / "sheet.png")
    with Image.open(path) as stored:
        assert stored.size == sheet.size
    with pytest.raises(InputError, match=r"\.png"):
        save_sheet(sheet, tmp_path / "sheet.xyz")
    assert [p.name for p in tmp_path.iterdir()] == ["sheet.png"]


def test_before_after():
    sheet = before_after(np.zeros((50, 40, 3)), np.ones((50, 40, 3)), cell=100)
    assert sheet.width > 200 and sheet.height > 100
