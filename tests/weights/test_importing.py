from __future__ import annotations

from pathlib import Path

import pytest
import torch

from restauro.core.errors import WeightsError
from restauro.networks.rrdb import RRDBNet, TimedRestorer
from restauro.weights import store
from restauro.weights.importing import import_file
from tests.shared import SHARED, needs_shared

YUNET = SHARED / "data" / "weights" / "face_detection_yunet_2026may.onnx"


@pytest.fixture
def rrdb(tmp_path: Path) -> Path:
    torch.manual_seed(2)
    network = RRDBNet(mid_channels=8, num_blocks=1, growth_channels=4, scale=2)
    torch.save({"params_ema": {f"module.{key}": value for key, value in network.state_dict().items()}}, tmp_path / "x2.pth")
    return tmp_path / "x2.pth"


def test_import_and_use(rrdb: Path) -> None:
    told: list[str] = []
    passport = import_file(rrdb, tell=told.append)
    assert [passport.name in note for note in told] == [True]
    assert store.verify("rrdb-x2") == passport
    network = store.load("rrdb-x2")
    original = torch.load(rrdb, weights_only=True)["params_ema"]
    assert torch.equal(network.state_dict()["conv_last.weight"], original["module.conv_last.weight"])


def test_importing_again_changes_nothing_and_repairs(rrdb: Path) -> None:
    passport = import_file(rrdb, tell=lambda note: None)
    path = store.imported_folder() / "rrdb-x2.safetensors"
    before = path.stat().st_mtime_ns
    assert import_file(rrdb, tell=lambda note: None) == passport
    assert path.stat().st_mtime_ns == before
    path.write_bytes(b"broken")
    assert import_file(rrdb, tell=lambda note: None) == passport == store.verify("rrdb-x2")


def test_a_taken_name_is_not_overwritten(rrdb: Path, tmp_path: Path) -> None:
    passport = import_file(rrdb, tell=lambda note: None)
    other = tmp_path / "other.pth"
    torch.save(RRDBNet(mid_channels=8, num_blocks=2, growth_channels=4, scale=2).state_dict(), other)
    with pytest.raises(WeightsError, match="'rrdb-x2' is taken by other weights"):
        import_file(other, tell=lambda note: None)
    assert store.verify("rrdb-x2") == passport
    assert import_file(other, "mine", tell=lambda note: None).name == "mine"
    with pytest.raises(WeightsError, match="cannot be a name"):
        import_file(other, "../mine", tell=lambda note: None)


def test_the_restorer_inside_a_training_checkpoint(tmp_path: Path) -> None:
    network = TimedRestorer(mid_channels=8, num_blocks=1, growth_channels=4)
    more = {**network.state_dict(), "discriminator.weight": torch.zeros(3)}
    torch.save({"state_dict": more, "meta": {"iter": 100000}}, tmp_path / "rrdb_iter_100000.pth")
    assert import_file(tmp_path / "rrdb_iter_100000.pth", tell=lambda note: None).name == "pgdiff-restorer"
    assert store.load("pgdiff-restorer").state_dict().keys() == network.state_dict().keys()


def test_weights_that_are_not_numbers(tmp_path: Path) -> None:
    weights = RRDBNet(mid_channels=8, num_blocks=1, growth_channels=4).state_dict()
    weights["conv_last.bias"][0] = float("nan")
    torch.save(weights, tmp_path / "x4.pth")
    with pytest.raises(WeightsError, match=r"x4\.pth: 1 tensors hold values that are not finite \(conv_last\.bias\)"):
        import_file(tmp_path / "x4.pth")
    assert not store.imported_folder().exists()


def test_an_unknown_file_is_named(tmp_path: Path) -> None:
    torch.save({"encoder.embed": torch.zeros(1)}, tmp_path / "what.pth")
    with pytest.raises(WeightsError, match=r"what\.pth: these weights are of no kind"):
        import_file(tmp_path / "what.pth")


@needs_shared
def test_yunet_is_kept_as_it_is() -> None:
    passport = import_file(YUNET, tell=lambda note: None)
    assert (passport.name, passport.kind) == ("yunet", "detector")
    found, path = store.find("yunet")
    assert found == passport == store.verify("yunet")
    assert path.name == YUNET.name
    assert path.read_bytes() == YUNET.read_bytes()
    assert import_file(YUNET, tell=lambda note: None) == passport


@pytest.mark.parametrize("content", [b"", b"\x08\x06 not a detector", b"cls_8obj_16bbox_32kps_32"])
def test_other_onnx_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.onnx").write_bytes(content)
    with pytest.raises(WeightsError, match=r"x\.onnx is not the YuNet face detector"):
        import_file(tmp_path / "x.onnx")
