from __future__ import annotations

from pathlib import Path

import pytest
import safetensors.torch
import torch

from restauro.core.errors import RecipeError, WeightsError
from restauro.diffusion.contract import Observation
from restauro.networks.iresnet import IResNet
from restauro.networks.rrdb import RRDBNet, TimedRestorer
from restauro.networks.unet import UNet
from restauro.properties.identity import Identity
from restauro.weights import store
from restauro.weights.declared import Declared
from restauro.weights.importing import import_file, named
from tests.laws.pictures import waves
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


def test_the_same_weights_may_come_in_another_file(rrdb: Path, tmp_path: Path) -> None:
    passport = import_file(rrdb, tell=lambda note: None)
    theirs = torch.load(rrdb, weights_only=True)["params_ema"]
    safetensors.torch.save_file(theirs, tmp_path / "again.safetensors")
    assert import_file(tmp_path / "again.safetensors", tell=lambda note: None) == passport
    safetensors.torch.save_file({key: value.half() for key, value in theirs.items()}, tmp_path / "half.safetensors")
    with pytest.raises(WeightsError, match="'rrdb-x2' is taken by other weights"):
        import_file(tmp_path / "half.safetensors", tell=lambda note: None)
    assert store.verify("rrdb-x2") == passport


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


def test_what_is_declared_is_kept_and_can_be_corrected(tmp_path: Path) -> None:
    torch.manual_seed(4)
    arguments = {"in_channels": 3, "out_channels": 6, "model_channels": 32, "channel_mult": [1, 2], "num_res_blocks": 1}
    torch.save(UNet(**arguments, attention=[2], zero_init=False).state_dict(), tmp_path / "small.pth")
    wrong = import_file(tmp_path / "small.pth", "small", tell=lambda note: None)
    x, t = torch.randn(1, 3, 8, 8), torch.zeros(1)
    before = store.load("small")(x, t)
    said = Declared(head_channels=32, qkv_order="new", size=32, schedule="cosine", face_template="restauro128")
    right = import_file(tmp_path / "small.pth", "small", declared=said, tell=lambda note: None)
    assert right.sha256 == wrong.sha256 and right == store.verify("small") and right != wrong
    assert (right.size, right.schedule, right.face_template) == (32, "cosine", "restauro128")
    assert not torch.allclose(store.load("small")(x, t), before), "the network is built anew"
    with pytest.raises(RecipeError, match="--values means nothing here"):
        import_file(tmp_path / "small.pth", "small", declared=Declared(values="0..1"))


def test_heads_that_do_not_fit_are_asked_for(tmp_path: Path) -> None:
    network = UNet(in_channels=3, out_channels=3, model_channels=32, channel_mult=[1, 1], num_res_blocks=1, attention=[2])
    torch.save(network.state_dict(), tmp_path / "small.pth")
    with pytest.raises(WeightsError, match=r"small\.pth: .* cannot be split into heads of 64; .* say --head-channels or --heads"):
        import_file(tmp_path / "small.pth")
    assert import_file(tmp_path / "small.pth", declared=Declared(heads=2), tell=lambda note: None).arguments["num_heads"] == 2


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("wrapper", ["", "state_dict", "params", "params_ema", "model"])
def test_prefixes_and_wrappers(tmp_path: Path, prefix: str, wrapper: str) -> None:
    weights = {f"{prefix}{key}": value for key, value in TimedRestorer(8, 1, 4).state_dict().items()}
    torch.save({wrapper: weights, "meta": {"iter": 1}} if wrapper else weights, tmp_path / "x.pth")
    assert import_file(tmp_path / "x.pth", tell=lambda note: None).architecture == "rrdb-timed"


def test_a_file_may_stand_for_a_name(rrdb: Path, tmp_path: Path) -> None:
    assert named("face-restorer") == "face-restorer"
    assert named("no-such-thing") == "no-such-thing"
    with pytest.raises(WeightsError, match=r"no-such\.pth cannot be read"):
        named(str(tmp_path / "no-such.pth"))
    odd = rrdb.rename(tmp_path / "4x (mine)_v1.pth")
    assert named(str(odd)) == "4x-mine-_v1"
    assert named(str(odd.rename(tmp_path / "other.pth"))) == "4x-mine-_v1", "one copy is enough"
    assert [passport.name for passport in store.available() if passport.source] == ["4x-mine-_v1"]


def test_an_embedder_can_be_named(tmp_path: Path) -> None:
    """The small brother of ArcFace's iresnet50, which `make acceptance` takes at full size."""
    torch.manual_seed(5)
    torch.save(IResNet((1, 1, 1, 1), (8, 8, 16, 16), embedding=32).state_dict(), tmp_path / "face.pth")
    passport = import_file(tmp_path / "face.pth", "mine", tell=lambda note: None)
    assert (passport.kind, passport.size, passport.face_template) == ("identity", 112, "arcface")
    prop = Identity(embedder="mine")
    pictures = waves(1, 2, 64).float()
    target = prop.target(Observation(pictures[:1], reference=pictures[:1], template="ffhq512"))
    near, far = prop.distance(pictures, target)
    assert near < 1e-5 < far
    assert prop.gradient(pictures, target)[1].abs().max() > 0
