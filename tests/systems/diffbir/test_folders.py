"""Stable Diffusion as diffusers saves it: a folder whose networks are recognised, imported, and answer as diffusers' own do."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from restauro.cli import main
from restauro.core.errors import WeightsError
from restauro.diffusion.contract import Observation
from restauro.networks.autoencoder_kl import AutoencoderKL
from restauro.networks.ircontrolnet import IRControlNet
from restauro.networks.text_tower import UNUSED, TextTower
from restauro.networks.unet import UNet
from restauro.systems.diffbir import engine
from restauro.systems.diffbir.keys import (
    autoencoder_from_diffusers,
    autoencoder_to_diffusers,
    text_from_transformers,
    unet_from_diffusers,
    unet_to_diffusers,
)
from restauro.weights import store
from restauro.weights.declared import Declared
from restauro.weights.importing import import_all, named
from restauro.weights.lending import Desk
from tests.laws.pictures import waves
from tests.systems.diffbir.latent_weights import RESTORER, calm, ours, put

UNET: dict[str, Any] = {
    "in_channels": 4, "out_channels": 4, "model_channels": 16, "channel_mult": [1, 2], "num_res_blocks": 1, "attention": [1],
    "num_head_channels": 8, "groups": 8, "scale_shift": False, "context": 24, "zero_init": False,
}  # fmt: skip
AUTOENCODER: dict[str, Any] = {"latent": 4, "width": 16, "channel_mult": [1, 2], "num_res_blocks": 1, "groups": 8}
TEXT: dict[str, Any] = {"width": 24, "blocks": 2, "heads": 3, "length": 7}
CONFIGS: dict[str, dict[str, Any]] = {
    "unet": {
        "_class_name": "UNet2DConditionModel", "act_fn": "silu", "attention_head_dim": [2, 4], "block_out_channels": [16, 32],
        "center_input_sample": False, "cross_attention_dim": 24, "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
        "downsample_padding": 1, "dual_cross_attention": False, "flip_sin_to_cos": True, "freq_shift": 0, "in_channels": 4,
        "layers_per_block": 1, "mid_block_scale_factor": 1, "norm_eps": 1e-05, "norm_num_groups": 8, "out_channels": 4,
        "sample_size": 8, "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"], "use_linear_projection": True,
    },
    "vae": {
        "_class_name": "AutoencoderKL", "act_fn": "silu", "block_out_channels": [16, 32], "in_channels": 3, "latent_channels": 4,
        "down_block_types": ["DownEncoderBlock2D"] * 2, "layers_per_block": 1, "norm_num_groups": 8, "out_channels": 3,
        "sample_size": 16, "up_block_types": ["UpDecoderBlock2D"] * 2,
    },
    "text_encoder": {
        "architectures": ["CLIPTextModel"], "hidden_act": "gelu", "hidden_size": 24, "intermediate_size": 96,
        "layer_norm_eps": 1e-05, "max_position_embeddings": 7, "num_attention_heads": 3, "num_hidden_layers": 2,
        "vocab_size": 49408,
    },
}  # fmt: skip
SCHEDULER: dict[str, Any] = {
    "_class_name": "PNDMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
    "clip_sample": False, "num_train_timesteps": 1000, "prediction_type": "epsilon", "skip_prk_steps": True, "steps_offset": 1,
    "trained_betas": None,
}  # fmt: skip
ZSNR = {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each test: others store weights under these names, too."""
    monkeypatch.setenv("RESTAURO_HOME", str(tmp_path / "home"))


def text_to_transformers(ours: dict[str, Tensor], blocks: int = 2) -> dict[str, Tensor]:
    """Of so many blocks; what belongs to no block or final norm is left out."""
    theirs: dict[str, Tensor] = {"text_model.embeddings.position_ids": torch.arange(len(ours["positional_embedding"]))[None]}
    pairs = (
        ("transformer.resblocks.", "encoder.layers."), ("ln_final.", "final_layer_norm."), ("ln_1", "layer_norm1"),
        ("ln_2", "layer_norm2"), ("mlp.c_fc", "mlp.fc1"), ("mlp.c_proj", "mlp.fc2"), ("attn.out_proj", "self_attn.out_proj"),
        ("token_embedding", "embeddings.token_embedding"),
    )  # fmt: skip
    for key, value in ours.items():
        if key in UNUSED or f"resblocks.{blocks}." in key:
            continue
        name = "embeddings.position_embedding.weight" if key == "positional_embedding" else key
        for one, other in pairs:
            name = name.replace(one, other)
        if ".attn.in_proj_" in name:
            for part, third in zip("qkv", value.chunk(3), strict=True):
                theirs["text_model." + name.replace(".attn.in_proj_", f".self_attn.{part}_proj.")] = third.clone()
        else:
            theirs[f"text_model.{name}"] = value
    return theirs


Networks = dict[str, torch.nn.Module]


def networks() -> Networks:
    torch.manual_seed(4)
    return {"unet": UNet(**UNET), "vae": AutoencoderKL(**AUTOENCODER), "text_encoder": TextTower(**TEXT)}


def stable(folder: Path, ours: Networks, scheduler: dict[str, Any] = {}, **changes: dict[str, Any]) -> Path:  # noqa: B006
    """Like stable-diffusion-2-1-base. changes: of a part's config.json."""
    weights = {
        "unet": unet_to_diffusers(ours["unet"].state_dict(), (1, 1), (0,)),
        "vae": autoencoder_to_diffusers(ours["vae"].state_dict()),
        "text_encoder": text_to_transformers(ours["text_encoder"].state_dict()),
    }
    for part, tensors in weights.items():
        (folder / part).mkdir(parents=True)
        file = "model.safetensors" if part == "text_encoder" else "diffusion_pytorch_model.safetensors"
        save_file({key: value.contiguous() for key, value in tensors.items()}, folder / part / file)
        (folder / part / "config.json").write_text(json.dumps(CONFIGS[part] | changes.get(part, {})))
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(SCHEDULER | scheduler))
    (folder / "tokenizer").mkdir()
    (folder / "tokenizer" / "vocab.json").write_text("{}")
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))
    return folder


def test_names_there_and_back() -> None:
    ours = {part: network.state_dict() for part, network in networks().items()}
    for part, there, back in (
        ("unet", lambda one: unet_to_diffusers(one, (1, 1), (0,)), unet_from_diffusers),
        ("vae", autoencoder_to_diffusers, autoencoder_from_diffusers),
        ("text_encoder", text_to_transformers, text_from_transformers),
    ):
        again = back(there(ours[part]))
        assert again.keys() == ours[part].keys()
        assert all(value.equal(ours[part][key]) for key, value in again.items())
    older = {"group_norm": "group_norm", "to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    theirs = autoencoder_to_diffusers(ours["vae"])
    renamed = {
        re.sub(r"(to_[qkv]|to_out\.0)\.", lambda found: f"{older[found[1]]}.", key): value for key, value in theirs.items()
    }
    assert renamed.keys() != theirs.keys() and autoencoder_from_diffusers(renamed).keys() == ours["vae"].keys()


@pytest.mark.parametrize(
    ("scheduler", "name", "told"),
    [
        ({}, "sd21-prior", ("eps", "sd-scaled-linear")),
        (ZSNR, "sd21-prior-zsnr", ("v", "sd-zero-snr")),
        ({"prediction_type": "v_prediction"}, "sd21-prior-v", ("v", "sd-scaled-linear")),
    ],
)
def test_a_folder_becomes_three_weights(tmp_path: Path, scheduler: dict[str, Any], name: str, told: tuple[str, str]) -> None:
    ours, notes = networks(), list[str]()
    folder = stable(tmp_path / "stable-diffusion-2-1-base", ours, scheduler)
    found = import_all(folder, tell=notes.append)
    assert [passport.name for passport in found] == [name, "sd21-autoencoder", "sd21-text"] and len(notes) == 3
    prior = found[0]
    assert (prior.prediction, prior.schedule, prior.size, prior.clip) == (*told, 64, False)
    for part, passport in zip(ours, found, strict=True):
        kept = store.load(passport.name).state_dict()
        assert all(kept[key].equal(value) for key, value in ours[part].state_dict().items())
    x, context, picture = torch.randn(1, 4, 8, 8), torch.randn(1, 5, 24), torch.randn(1, 3, 16, 16)
    with torch.no_grad():  # heads and groups as the config says
        assert store.load(name)(x, torch.tensor([9]), context=context).allclose(
            ours["unet"](x, torch.tensor([9]), context=context), atol=1e-5
        )
        assert store.load("sd21-autoencoder").encode(picture)[0].allclose(ours["vae"].encode(picture)[0], atol=1e-5)
    assert import_all(folder, tell=lambda note: None) == found
    with pytest.raises(WeightsError, match=f"several networks: name one of .*{name}, "):
        named(str(folder))


@torch.no_grad()
def test_as_diffusers_itself_writes_it(tmp_path: Path) -> None:
    """All settings of its config files, those included that nobody gave; its answers are ours."""
    diffusers = pytest.importorskip("diffusers")
    folder = stable(tmp_path / "sd", networks())
    given = {part: {key: value for key, value in CONFIGS[part].items() if key[0] != "_"} for part in ("unet", "vae")}
    unet, vae = diffusers.UNet2DConditionModel(**given["unet"]), diffusers.AutoencoderKL(**given["vae"])
    unet.save_pretrained(folder / "unet")
    vae.save_pretrained(folder / "vae")
    noise = {key: value for key, value in SCHEDULER.items() if key not in ("_class_name", "skip_prk_steps")}
    diffusers.DDIMScheduler(**noise | ZSNR).save_pretrained(folder / "scheduler")
    prior, autoencoder, _ = import_all(folder, "saved", tell=lambda note: None)
    assert (prior.prediction, prior.schedule, autoencoder.kind) == ("v", "sd-zero-snr", "latent-autoencoder")
    x, t, context = torch.randn(2, 4, 8, 12), torch.tensor([3, 700]), torch.randn(2, 5, 24)
    told = unet.eval()(x, t, context).sample
    torch.testing.assert_close(store.load("saved-prior")(x, t, context=context), told, atol=1e-4, rtol=1e-4)
    decoded = vae.eval().decode(x).sample
    torch.testing.assert_close(store.load("saved-autoencoder").decode(x), decoded, atol=1e-4, rtol=1e-4)


def test_the_command_takes_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = stable(tmp_path / "stable-diffusion-2-1-base", networks())
    assert main(["models", "import", str(folder), "--name", "base"]) == 0
    out, err = capsys.readouterr()
    assert [line.split(":")[0] for line in out.splitlines()] == [
        "imported base-prior (latent-prior)", "imported base-autoencoder (latent-autoencoder)", "imported base-text (text-tower)"
    ]  # fmt: skip
    assert err.count("licence: base-") == 3 and "CreativeML Open RAIL++-M" in err


def test_a_name_and_one_part_alone(tmp_path: Path) -> None:
    folder = stable(tmp_path / "sd", networks())
    mine = import_all(folder, "mine", tell=lambda note: None)
    assert [passport.name for passport in mine] == ["mine-prior", "mine-autoencoder", "mine-text"]
    (only,) = import_all(folder / "vae", "alone", tell=lambda note: None)
    assert (only.name, only.kind) == ("alone", "latent-autoencoder")
    assert named(str(folder / "vae")) in ("alone", "mine-autoencoder")
    (prior,) = import_all(folder / "unet", "one", declared=Declared(version="v2.1"), tell=lambda note: None)
    assert (prior.prediction, prior.schedule) == ("v", "sd-zero-snr"), "what is declared wins"


def test_diffusers_own_class_may_run_the_prior(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is the same, controlled or not."""
    pytest.importorskip("diffusers")
    ours = networks()
    folder = stable(tmp_path / "sd", ours)
    own, theirs = (
        import_all(folder, name, declared=Declared(by=by), tell=lambda note: None)[0]
        for name, by in (("own", "restauro"), ("theirs", "diffusers"))
    )
    assert (own.architecture, theirs.architecture) == ("unet", "unet-diffusers")
    x, t, context = torch.randn(2, 4, 8, 12), torch.tensor([3.0, 700.5]), torch.randn(2, 5, 24)
    control = [0.1 * torch.randn(2, *shape) for shape in ((16, 8, 12), (16, 8, 12), (16, 4, 6), (32, 4, 6), (32, 4, 6))]
    for some in ([], control):
        with torch.no_grad():
            found = [store.load(name)(x, t, context=context, control=some) for name in ("own-prior", "theirs-prior")]
        torch.testing.assert_close(*found, atol=1e-4, rtol=1e-4)
    assert store.load("theirs-prior").multiple == store.load("own-prior").multiple
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(WeightsError, match=r"not here: pip install 'restauro\[full\]'"):
        import_all(folder, "again", declared=Declared(by="diffusers"), tell=lambda note: None)


@pytest.mark.filterwarnings("ignore:.*do not denoise")
def test_it_restores_as_ours_does_with_little_memory_too(tmp_path: Path) -> None:
    pytest.importorskip("diffusers")
    folder = stable(tmp_path / "sd", networks(), ZSNR)
    for name, by in (("own", "restauro"), ("theirs", "diffusers")):
        import_all(folder, name, declared=Declared(by=by), tell=lambda note: None)
    shape = {key: value for key, value in UNET.items() if key not in ("out_channels", "zero_init")} | {"hint_channels": 4}
    control = IRControlNet(**shape)
    for conv in (*control.zero_convs, control.middle_block_out):
        torch.nn.init.normal_(conv[0].weight, std=0.1)  # type: ignore[index]
    facts = {"prediction": "v", "schedule": "sd-zero-snr", "steps": 1000}
    put("control", "latent-control", "ircontrolnet", control, shape, **facts)
    put("first", "restorer", "unet", calm(), RESTORER, prediction="gated")
    beside = {"control": "control", "autoencoder": "own-autoencoder", "text": "own-text", "restorer": "first"}
    seen = Observation(waves(1, 1, 96).float())
    own, theirs = (engine.run(ours(beside | {"prior": f"{name}-prior"}, tile_size=64), seen) for name in ("own", "theirs"))
    torch.testing.assert_close(own, theirs, atol=1e-3, rtol=0)
    with store.lending(Desk()):
        little = engine.run(ours(beside | {"prior": "theirs-prior"}, tile_size=64), seen)
    assert torch.equal(little, theirs)


@pytest.mark.parametrize(
    ("scheduler", "changes", "problem"),
    [
        ({"beta_schedule": "linear"}, {}, "beta_schedule 'linear' is not supported"),
        ({"beta_end": 0.02}, {}, "beta_end 0.02 is not supported"),
        ({"prediction_type": "flow"}, {}, "prediction_type 'flow' is not supported"),
        ({}, {"unet": {"act_fn": "gelu"}}, "act_fn 'gelu' is not supported"),
        ({}, {"unet": {"attention_head_dim": [2, 3]}}, r"attention_head_dim \[2, 3\] is not supported"),
        ({}, {"vae": {"shift_factor": 0.1}}, "shift_factor 0.1 is not supported"),
        ({}, {"text_encoder": {"hidden_act": "quick_gelu"}}, "hidden_act 'quick_gelu' is not supported"),
    ],
)
def test_a_folder_we_cannot_follow_is_refused_whole(
    tmp_path: Path, scheduler: dict[str, Any], changes: dict[str, Any], problem: str
) -> None:
    folder = stable(tmp_path / "sd", networks(), scheduler, **changes)
    before = [passport.name for passport in store.available()]
    with pytest.raises(WeightsError, match=problem):
        import_all(folder, "refused", tell=lambda note: None)
    assert [passport.name for passport in store.available()] == before


def test_a_folder_that_lacks_a_part_is_said(tmp_path: Path) -> None:
    folder = stable(tmp_path / "sd", networks())
    (folder / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"vae is a folder without diffusion_pytorch_model\.safetensors and config\.json"):
        import_all(folder, tell=lambda note: None)


def test_only_the_safe_loader_reads_them(tmp_path: Path) -> None:
    """A pickle that asks to run something is refused, wherever in the folder it stands."""
    folder = stable(tmp_path / "sd", networks())
    (folder / "text_encoder" / "model.safetensors").unlink()
    torch.save({"x": print}, folder / "text_encoder" / "pytorch_model.bin")
    with pytest.raises(WeightsError, match="is refused: it asks to run"):
        import_all(folder, tell=lambda note: None)
