from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from safetensors import SafetensorError

from restauro.core.errors import OutputError, WeightsError
from restauro.networks.iresnet import IResNet
from restauro.networks.unet import UNet
from restauro.weights import store
from restauro.weights.loading import read_state_dict
from restauro.weights.passports import Passport

ARGUMENTS: dict[str, Any] = {
    "in_channels": 3,
    "out_channels": 3,
    "model_channels": 8,
    "channel_mult": [1, 2],
    "num_res_blocks": 1,
    "zero_init": False,
}
PASSPORT = Passport(name="tiny-prior", what="A tiny prior.", kind="prior", architecture="unet", arguments=ARGUMENTS)


@pytest.fixture
def saved() -> Passport:
    torch.manual_seed(1)
    return store.save(UNet(**ARGUMENTS).state_dict(), PASSPORT, store.imported_folder())


def test_save_load_save_gives_the_same_bytes(saved: Passport, tmp_path: Path) -> None:
    network = store.load("tiny-prior")
    again = store.save(network.state_dict(), PASSPORT, tmp_path)
    assert again == saved
    for ending in ("safetensors", "json"):
        assert (tmp_path / f"tiny-prior.{ending}").read_bytes() == (store.imported_folder() / f"tiny-prior.{ending}").read_bytes()


def test_a_loaded_network_is_ready_to_use(saved: Passport) -> None:
    network = store.load("tiny-prior", "cpu")
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
    assert network.get_parameter("middle_block.0.in_layers.2.weight").is_contiguous(memory_format=torch.channels_last)
    assert network(torch.zeros(1, 3, 4, 4), torch.zeros(1)).shape == (1, 3, 4, 4)


def test_it_is_loaded_once_for_all_threads(saved: Passport) -> None:
    found: list[torch.nn.Module] = []
    threads = [threading.Thread(target=lambda: found.append(store.load("tiny-prior"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len({id(network) for network in found}) == 1


def test_counters_and_large_values_survive(tmp_path: Path) -> None:
    network = IResNet([1, 1, 1, 1], widths=[4, 4, 4, 4], embedding=8, size=16)
    network.get_buffer("bn1.running_var").fill_(1e6)
    passport = Passport(
        name="who", what="x", kind="identity", architecture="iresnet",
        arguments={"blocks": [1, 1, 1, 1], "widths": [4, 4, 4, 4], "embedding": 8, "size": 16},
    )  # fmt: skip
    store.save(network.state_dict(), passport, store.imported_folder())
    loaded = store.load("who").state_dict()
    assert loaded["bn1.running_var"][0] == 1e6
    assert loaded["bn1.num_batches_tracked"].dtype == torch.int64


def test_available_and_find(saved: Passport) -> None:
    assert saved in store.available()
    assert store.find("tiny-prior") == (saved, store.imported_folder() / "tiny-prior.safetensors")
    with pytest.raises(WeightsError, match="did you mean 'tiny-prior'"):
        store.find("tiny-priro")


def test_one_damaged_passport_does_not_hide_the_others(saved: Passport) -> None:
    (store.imported_folder() / "broken.json").write_text("{")
    with pytest.warns(UserWarning, match="is not a passport"):
        assert saved in store.available()


def test_a_passport_without_its_file(saved: Passport) -> None:
    (store.imported_folder() / "tiny-prior.safetensors").unlink()
    assert saved not in store.available()
    with pytest.raises(WeightsError, match="is missing"):
        store.find("tiny-prior")


def test_tampered_bytes_are_noticed(saved: Passport) -> None:
    assert store.verify("tiny-prior") == saved
    path = store.imported_folder() / "tiny-prior.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    for use in (store.verify, store.load):
        with pytest.raises(WeightsError, match="damaged or was changed"):
            use("tiny-prior")


def test_weights_that_do_not_fit_their_passport() -> None:
    wrong = msgspec.structs.replace(PASSPORT, arguments={**ARGUMENTS, "channel_mult": [1, 3]})
    store.save(UNet(**ARGUMENTS).state_dict(), wrong, store.imported_folder())
    with pytest.raises(
        WeightsError, match=r"tiny-prior.safetensors does not fit its passport: \d+ of \d+ tensors of another shape"
    ):
        store.load("tiny-prior")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"architecture": "unte"}, "cannot build the architecture 'unte'; did you mean 'unet'"),
        ({"arguments": {"in_chanels": 3}}, "impossible"),
        ({"arguments": {**ARGUMENTS, "num_res_blocks": [1]}}, "impossible: 2 levels"),
    ],
)
def test_impossible_architectures(changes: dict, problem: str) -> None:
    passport = msgspec.structs.replace(PASSPORT, **changes)
    store.save({"x": torch.zeros(1)}, passport, store.imported_folder())
    with pytest.raises(WeightsError, match=problem):
        store.load("tiny-prior")


def test_everything_that_ships_is_intact() -> None:
    folder = store.shipped_folder()
    shipped = [passport for passport in store.available() if (folder / passport.file_name).exists()]
    for passport in shipped:
        store.verify(passport.name)
        store.load(passport.name)
    assert {file.stem for file in folder.glob("*.safetensors")} == {passport.name for passport in shipped}
    assert sum(file.stat().st_size for file in folder.glob("*")) <= 34e6


def test_tensors_that_share_memory_are_stored_one_by_one(tmp_path: Path) -> None:
    whole = torch.arange(6.0).reshape(2, 3)
    tensors = {"whole": whole, "again": whole, "row": whole[1], "turned": whole.T}
    store.save(tensors, PASSPORT, tmp_path, half=False)
    found = read_state_dict(tmp_path / "tiny-prior.safetensors")
    assert found.keys() == tensors.keys() and all(torch.equal(found[key], tensors[key]) for key in tensors)


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise SafetensorError("No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(OutputError, match="cannot be written: No space left"):
        store.save({"x": torch.zeros(1)}, PASSPORT, tmp_path)
    assert not list(tmp_path.iterdir())
