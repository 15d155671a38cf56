"""Our priors run in diffusers, and diffusers' in ours: same answers, same pictures from the same noise; and as ONNX."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from restauro.core.errors import OutputError, WeightsError
from restauro.core.registry import SAMPLERS
from restauro.diffusion.contract import Unguided
from restauro.networks.unet import UNet
from restauro.systems._prior import prior
from restauro.systems.ddpm.export import diffusers_parts, diffusers_prior, export_diffusers
from restauro.systems.ddpm.network import HO
from restauro.weights import store
from restauro.weights.importing import import_file, named
from restauro.weights.onnx import export_onnx, inputs
from restauro.weights.passports import Passport

CPU = torch.device("cpu")
SIZE = 16


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTAURO_HOME", str(tmp_path / "home"))


@pytest.fixture
def peer() -> Any:
    return pytest.importorskip("diffusers", reason="diffusers is not installed: what it makes of our priors is not compared")


SMALL: dict[str, Any] = {
    "in_channels": 3, "out_channels": 3, "model_channels": 16, "channel_mult": [1, 2], "num_res_blocks": 1, "attention": [2],
    "scale_shift": False, "groups": 8,
}  # fmt: skip
LEARNED: dict[str, Any] = {"out_channels": 6, "scale_shift": True, "num_head_channels": 16}


def kept(name: str, arguments: dict[str, Any], **facts: Any) -> Passport:
    """A prior in the store, with weights that are not zero."""
    torch.manual_seed(3)
    network = UNet(**{**SMALL, **arguments, "zero_init": False})
    trained = {"prediction": "eps", "variance": "fixed_small", "schedule": "ho-linear", "steps": 1000, "size": SIZE, **facts}
    passport = Passport(name=name, what="a test", kind="prior", architecture="unet", arguments={**SMALL, **arguments}, **trained)
    return store.save(network.state_dict(), passport, store.imported_folder(), half=False)


def drawn(name: str, seed: int, steps: int) -> Tensor:
    """Two pictures by our ancestral sampler from the noise that diffusers' pipeline draws."""
    denoiser = prior(name, CPU)
    generator = torch.Generator().manual_seed(seed)
    start, *noise = (torch.randn(2, *denoiser.shape, generator=generator) for _ in range(steps))
    schedule = denoiser.schedule.respace(list(range(0, 1000, 1000 // steps)))
    walk = SAMPLERS.get("ancestral")()
    *_, last = walk.steps(denoiser.on(schedule), start, Unguided(), lambda step, draw=0: noise[step - 1])
    return (last.x.permute(0, 2, 3, 1) / 2 + 0.5).clamp(0, 1)


@pytest.mark.parametrize(
    ("arguments", "facts"),
    [
        (HO, {"variance": "fixed_large"}),
        (LEARNED, {"variance": "learned_range", "schedule": "cosine"}),
        ({"num_head_channels": 8, "resblock_updown": True, "attention": [1, 2]}, {"prediction": "v", "clip": False}),
        ({"num_heads": 2, "new_attention_order": True}, {"prediction": "clean", "ends": [1e-4, 0.01]}),
        ({"middle_attention": False, "attention": [], "padding": "same"}, {"schedule": "ho-warmup10"}),
    ],
    ids=["ho", "learned", "resblocks", "heads", "convolutions"],
)
def test_our_prior_in_diffusers(peer: Any, tmp_path: Path, arguments: dict[str, Any], facts: dict[str, Any]) -> None:
    kept("ours", dict(arguments), **facts)
    export_diffusers("ours", tmp_path / "out")
    pipeline = peer.DDPMPipeline.from_pretrained(tmp_path / "out")
    x, t = torch.randn(2, 3, SIZE, SIZE), torch.tensor([7, 800])
    with torch.no_grad():
        torch.testing.assert_close(pipeline.unet(x, t).sample, store.load("ours")(x, t), atol=2e-5, rtol=2e-5)
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(batch_size=2, generator=torch.Generator().manual_seed(5), num_inference_steps=5, output_type="np").images
    torch.testing.assert_close(drawn("ours", 5, 5), torch.from_numpy(theirs), atol=1e-4, rtol=0)


@pytest.mark.parametrize("arguments", [dict(HO), LEARNED, {"resblock_updown": True}], ids=["ho", "learned", "resblocks"])
def test_what_is_exported_can_be_imported(tmp_path: Path, arguments: dict[str, Any]) -> None:
    variance = "learned_range" if "out_channels" in arguments else "fixed_large"
    passport = kept("ours", arguments, variance=variance, prediction="v", ends=[1e-4, 0.03], clip=False)
    export_diffusers("ours", tmp_path / "out")
    again = import_file(tmp_path / "out", "again", tell=lambda note: None)
    for fact in ("prediction", "variance", "schedule", "steps", "ends", "clip", "size", "kind", "architecture"):
        assert getattr(again, fact) == getattr(passport, fact), fact
    assert named(str(tmp_path / "out")) == "again"
    assert import_file(tmp_path / "out" / "unet" / "diffusion_pytorch_model.safetensors", "again", tell=str).clip is False
    x, t = torch.randn(1, 3, SIZE, SIZE), torch.tensor([40.0])
    with torch.no_grad():
        torch.testing.assert_close(store.load("again")(x, t), store.load("ours")(x, t))
    assert drawn("again", 2, 2).shape == (2, SIZE, SIZE, 3)


def test_a_published_folder_has_its_files_side_by_side(tmp_path: Path) -> None:
    kept("ours", dict(HO))
    export_diffusers("ours", tmp_path / "out")
    flat = tmp_path / "flat"
    flat.mkdir()
    _, tensors = diffusers_parts(store.find("ours")[0], store.load("ours").state_dict())
    torch.save(tensors, flat / "diffusion_pytorch_model.bin")
    (flat / "config.json").write_text((tmp_path / "out" / "unet" / "config.json").read_text())
    (flat / "scheduler_config.json").write_text(json.dumps({"beta_schedule": "squaredcos_cap_v2", "clip_sample": False}))
    passport = import_file(flat, "flat", tell=lambda note: None)
    assert (passport.schedule, passport.clip, passport.size) == ("cosine", False, SIZE)
    (flat / "config.json").write_text("[")
    with pytest.raises(WeightsError, match=r"config\.json is no JSON"):
        import_file(flat, "other")
    (flat / "diffusion_pytorch_model.bin").unlink()
    with pytest.raises(WeightsError, match="is a folder without"):
        import_file(flat, "other")


@pytest.mark.parametrize(
    ("arguments", "facts", "problem"),
    [
        ({"space_to_depth": 2}, {}, "blocks of pixels as channels; ONNX can"),
        ({"conditions": 2}, {}, "told conditions; ONNX can"),
        ({"norm": "pixel"}, {}, "norms of each place"),
        ({"num_res_blocks": [1, 2]}, {}, "levels of unlike depth"),
        ({"groups": 32}, {}, "norms of fewer than 32 groups"),
        ({"channel_mult": [2, 2]}, {}, "first level of another width"),
        ({"attention": [1, 2], "num_heads": 2}, {}, "heads of several widths"),
        ({"num_heads": 2, "num_heads_upsample": 1}, {}, "a decoder with other heads"),
        ({}, {"told": "level"}, "told the level"),
        ({}, {"rescaled": True, "steps": 4000}, "rescaled timesteps"),
        ({}, {"prediction": "mean"}, "no word for a prior that predicts 'mean'"),
    ],
)
def test_what_diffusers_cannot_hold(tmp_path: Path, arguments: Any, facts: Any, problem: str) -> None:
    kept("odd", arguments, **facts)
    with pytest.raises(WeightsError, match=problem):
        export_diffusers("odd", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_shipped_prior_and_full_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"ONNX can \(--to onnx\)"):
        export_diffusers("face-prior", tmp_path / "out")
    kept("ours", {})
    (tmp_path / "mine.txt").touch()
    with pytest.raises(OutputError, match="is not empty"):
        export_diffusers("ours", tmp_path)


CONFIGS: list[dict[str, Any]] = [
    {"down_block_types": ("DownBlock2D", "AttnDownBlock2D"), "up_block_types": ("AttnUpBlock2D", "UpBlock2D")},
    {"attention_head_dim": None, "flip_sin_to_cos": False, "freq_shift": 1, "norm_eps": 1e-6, "downsample_padding": 0}
    | {"down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2, "layers_per_block": 2},
    {"resnet_time_scale_shift": "scale_shift", "attn_norm_num_groups": 8, "downsample_type": "resnet", "upsample_type": "resnet"}
    | {"down_block_types": ("AttnDownBlock2D",) * 2, "up_block_types": ("AttnUpBlock2D",) * 2, "flip_sin_to_cos": False},
    {"add_attention": False, "down_block_types": ("ResnetDownsampleBlock2D",) * 2}
    | {"up_block_types": ("ResnetUpsampleBlock2D",) * 2, "in_channels": 1, "out_channels": 1},
]


@pytest.mark.parametrize("config", CONFIGS, ids=["defaults", "google", "openai", "resnets"])
def test_a_network_of_diffusers_is_a_prior(peer: Any, config: dict[str, Any]) -> None:
    torch.manual_seed(1)
    common = {"sample_size": 8, "block_out_channels": (16, 32), "layers_per_block": 1, "norm_num_groups": 8}
    network = peer.UNet2DModel(**{**common, **config}).eval()
    scheduler = peer.DDPMScheduler(beta_end=0.015, prediction_type="v_prediction", variance_type="fixed_large")
    denoiser = diffusers_prior(network.state_dict(), network.config, scheduler.config)
    assert (denoiser.predicts, denoiser.variance, denoiser.clip) == ("v", "fixed_large", True)
    x = torch.randn(2, *denoiser.shape)
    with torch.no_grad():
        theirs = network(x, torch.tensor([40, 40])).sample
    torch.testing.assert_close(denoiser.output(x, 40), theirs, atol=2e-5, rtol=2e-5)
    betas = torch.from_numpy(denoiser.schedule.betas).float()
    torch.testing.assert_close(betas, scheduler.betas)


@pytest.mark.slow
def test_the_shipped_prior_as_onnx(tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: our ONNX files are not run")
    passport = export_onnx("face-prior", tmp_path / "prior.onnx")
    session = runtime.InferenceSession(tmp_path / "prior.onnx")
    torch.manual_seed(0)
    told = {name: torch.randn(3, *value.shape[1:]) for name, value in inputs(passport).items()}
    told["timesteps"] = torch.tensor([0.0, 10.5, 900.0])
    with torch.no_grad():
        ours = store.load("face-prior")(**told)
    (theirs,) = session.run(["answer"], {name: value.numpy() for name, value in told.items()})
    torch.testing.assert_close(torch.from_numpy(theirs), ours, atol=1e-4, rtol=0)
    assert json.loads(session.get_modelmeta().custom_metadata_map["restauro"])["sha256"] == passport.sha256


def test_onnx_without_its_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=r"pip install 'restauro\[onnx\]'"):
        export_onnx("face-prior", tmp_path / "prior.onnx")


@pytest.mark.parametrize("arguments", [{}, {"num_classes": 4}, {"conditions": 2, "num_classes": 4}, {"time_embedding": False}])
def test_the_inputs_of_an_onnx_file_are_what_the_network_takes(arguments: dict[str, Any]) -> None:
    passport = kept("any", arguments)
    told = inputs(passport)
    assert list(inspect.signature(UNet.forward).parameters)[1] == next(iter(told))
    with torch.no_grad():
        assert store.load("any")(**told).shape == (2, 3, SIZE, SIZE)
    other = Passport(name="r", what="an RRDB network", kind="restorer", architecture="rrdb")
    with pytest.raises(WeightsError, match="ONNX export is for U-Nets"):
        inputs(other)
