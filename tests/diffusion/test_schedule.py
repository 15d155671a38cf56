import numpy as np
import pytest
import torch

from restauro.core.errors import RecipeError
from restauro.core.recipe import visits
from restauro.diffusion.betas import KINDS
from restauro.diffusion.schedule import NoiseSchedule

LINEAR = NoiseSchedule.named("openai-linear")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_a_schedule(kind: str) -> None:
    schedule = NoiseSchedule.named(kind, 50)
    assert len(schedule) == schedule.original_steps == 50
    assert (np.diff(schedule.alphas_cumprod) < 0).all()
    assert np.isfinite(schedule.posterior_log_variance_clipped[:-1]).all()


def test_origins_differ_where_their_rules_do() -> None:
    quad = NoiseSchedule.named("ho-quad", start=0.00085, end=0.012)
    np.testing.assert_array_equal(quad.betas, NoiseSchedule.named("sd-scaled-linear").betas)
    assert NoiseSchedule.named("ho-linear", 100).betas[-1] == 0.02
    assert NoiseSchedule.named("openai-linear", 100).betas[-1] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "opnai-linear"}, "did you mean 'openai-linear'"),
        ({"name": "cosine", "start": 0.1}, "has no start"),
        ({"name": "openai-linear", "T": 5}, "leaves"),
        ({"name": "cosine", "T": 0}, "at least one step"),
    ],
)
def test_impossible_schedules_say_why(arguments: dict, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        NoiseSchedule.named(**arguments)


def test_one_step() -> None:
    one = NoiseSchedule.named("cosine", 1)
    for table in (one.posterior_log_variance_clipped, one.fixed_large_log_variance, one.posterior_variance):
        assert table.shape == (1,) and np.isfinite(table).all()
    assert NoiseSchedule.named("ho-linear").respace("1").original_index.tolist() == [0]


@pytest.mark.parametrize(
    ("how", "kept"),
    [
        ("ddpm100", list(range(0, 1000, 10))),
        ("ddim25", list(range(0, 1000, 40))),
        ("100", [0, 10, 20]),
        ("leading:10", list(range(0, 1000, 100))),
        ("trailing:10", list(range(99, 1000, 100))),
        ("linspace:10", list(range(0, 1000, 111))),
        ([3, 500.5, 999], [3, 500.5, 999]),
    ],
)
def test_respacing(how: str | list[float], kept: list[float]) -> None:
    spaced = LINEAR.respace(how)
    assert spaced.original_index[: len(kept)].tolist() == kept
    whole = np.array(kept, dtype=float) % 1 == 0
    np.testing.assert_array_equal(
        spaced.alphas_cumprod[: len(kept)][whole], LINEAR.alphas_cumprod[np.array(kept)[whole].astype(int)]
    )
    np.testing.assert_allclose(np.cumprod(1 - spaced.betas), spaced.alphas_cumprod, rtol=1e-12)


def test_every_possible_stride_and_no_other() -> None:
    possible = {len(range(0, 1000, stride)) for stride in range(1, 1001)}
    for count in range(1, 1001):
        if count in possible:
            assert len(LINEAR.respace(f"ddpm{count}")) == count
        else:
            with pytest.raises(RecipeError, match=" or "):
                LINEAR.respace(f"ddpm{count}")


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("ddpm60", "59 or 63"),
        ("1001", "section 1 of 1 has 1000"),
        ("500,501", "section 2 of 2 has 500"),
        ("0", "1 to 1000"),
        ("nonsense", "names no steps"),
        ("karras:0", "names no steps"),
        ("trailing:1001", "only 1000"),
        ("karras:10@900", "noise levels from"),
        ("karras:10@loud", "no noise level"),
        ([5, 1000], r"0\.\.999"),
        ([-1, 3], r"0\.\.999"),
    ],
)
def test_impossible_steps_say_what_is_possible(how: str | list[float], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        LINEAR.respace(how)


@pytest.mark.parametrize("rule", ["karras", "logsnr", "trailing", "linspace", "leading", "20", "ddpm"])
def test_a_start_level_spends_all_calls_below_it(rule: str) -> None:
    how = {"20": "20@0.6", "ddpm": "ddpm21@0.6"}.get(rule, f"{rule}:10@0.6")
    try:
        spaced = LINEAR.respace(how)
    except RecipeError as error:  # a whole stride below 0.6 need not exist: the message names one that does
        assert rule == "ddpm"
        spaced = LINEAR.respace(f"ddpm{str(error).split('; ')[1].split()[0]}@0.6")
    sigma = spaced.sigma(np.arange(len(spaced)))
    assert sigma[-1] <= 0.6 * (1 + 1e-9) and (np.diff(sigma) > 0).all()
    if rule in ("karras", "logsnr"):
        assert sigma[-1] == pytest.approx(0.6) and len(spaced) == 10


def test_karras_is_its_formula() -> None:
    sigma = LINEAR.sigma(np.arange(1000))
    ramp = np.linspace(0, 1, 12)
    grid = (sigma[0] ** (1 / 7) + ramp * (sigma[-1] ** (1 / 7) - sigma[0] ** (1 / 7))) ** 7
    spaced = LINEAR.respace("karras:12")
    np.testing.assert_allclose(spaced.sigma(np.arange(12)), grid, rtol=1e-9)
    np.testing.assert_allclose(LINEAR.sigma(spaced.original_index), grid, rtol=1e-9)


def test_levels_and_times_are_inverse() -> None:
    t = np.linspace(0, 999, 77)
    np.testing.assert_allclose(LINEAR.t_of_sigma(LINEAR.sigma(t)), t, atol=1e-8)
    np.testing.assert_allclose(LINEAR.log_snr(t), -2 * np.log(LINEAR.sigma(t)))
    assert LINEAR.t_of_sigma(1e9) == 999


@pytest.mark.parametrize("t", [0, 421, 421.5, torch.tensor([3, 999])])
def test_conversions_are_inverse(t: object) -> None:
    clean, noise = torch.randn(2, 2, 3, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x = LINEAR.q_sample(clean, t, noise)  # type: ignore[arg-type]
    v = LINEAR.v_target(clean, t, noise)  # type: ignore[arg-type]
    for found, wanted in (
        (LINEAR.clean_from_noise(x, t, noise), clean),  # type: ignore[arg-type]
        (LINEAR.noise_from_clean(x, t, clean), noise),  # type: ignore[arg-type]
        (LINEAR.clean_from_v(x, t, v), clean),  # type: ignore[arg-type]
        (LINEAR.noise_from_v(x, t, v), noise),  # type: ignore[arg-type]
    ):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-9)


def test_noise_alone_at_the_end() -> None:
    """The jsd schedule reaches alpha-bar 0: clean-type formulas still work there."""
    schedule = NoiseSchedule.named("ho-jsd", 10)
    clean, noise = torch.rand(1, 3, 2, 2), torch.randn(1, 3, 2, 2)
    torch.testing.assert_close(schedule.noise_from_clean(schedule.q_sample(clean, 9, noise), 9, clean), noise)
    with pytest.raises(RecipeError, match="noise alone"):
        schedule.respace("karras:4")


SR3 = NoiseSchedule.named("sr3-linear")


@pytest.mark.parametrize("how", ["sr3-linear:5", "sr3-linear:100", "ho-quad:20", "ho-warmup10:30", "cosine:20", "ho-jsd:10"])
def test_a_shorter_schedule_ends_in_noise_and_only_there(how: str) -> None:
    """SR3's complaint 6: with the same ends, 100 steps leave 0.6 of the picture's power."""
    short = SR3.respace(how)
    assert len(short) == int(how.rpartition(":")[2])
    assert short.alphas_cumprod[-1] == pytest.approx(SR3.alphas_cumprod[-1], rel=1e-3)
    assert (np.diff(short.original_index) > 0).all() and short.original_steps == 2000


def test_a_shorter_schedule_of_given_ends() -> None:
    short, betas = SR3.respace("ho-linear:20@1e-5..0.6"), np.linspace(1e-5, 0.6, 20)
    np.testing.assert_allclose(short.betas, betas, rtol=1e-9)
    np.testing.assert_allclose(short.level(np.arange(20).astype(float)), np.sqrt(np.cumprod(1 - betas)))
    with pytest.raises(RecipeError, match="61 of the picture"):
        SR3.respace("ho-linear:100@1e-6..1e-2")
    with pytest.raises(RecipeError, match="noisier than any"):
        SR3.respace("ho-linear:20@1e-6..0.99")
    with pytest.raises(RecipeError, match="written as in"):
        SR3.respace("ho-linear:20@0.6")
    assert NoiseSchedule.named("ho-linear", 20, 1e-5, 0.6).betas == pytest.approx(betas)
    assert visits("sr3-linear:20@1e-5..0.6") == 20 and visits("karras:10@0.6") == 10 and visits("10,15,20") == 45
