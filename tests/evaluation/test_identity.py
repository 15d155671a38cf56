import numpy as np
import pytest

from restauro.core.errors import InputError
from restauro.evaluation import identity


def test_perfect_and_hopeless():
    same = np.tile([True, False], 50)
    folds = np.repeat(np.arange(10), 10)
    rng = np.random.default_rng(0)
    perfect = identity.verify(np.where(same, 0.3, 0.9) + rng.uniform(0, 0.1, 100), same, folds)
    assert perfect.accuracy == perfect.roc_area == perfect.true_accepts[0.01] == 1 and perfect.deviation == 0
    assert 0.4 < perfect.threshold < 0.9
    assert identity.roc_area(np.zeros(100), same) == 0.5
    assert identity.roc_area(np.where(same, 0.9, 0.3), same) == 0


def test_area_and_accepts_by_counting():
    rng = np.random.default_rng(1)
    same = rng.random(200) < 0.5
    distance = np.round(rng.normal(np.where(same, 0.5, 0.8), 0.2), 2)  # rounding makes ties
    near, far = distance[same][:, None], distance[~same][None]
    assert identity.roc_area(distance, same) == pytest.approx(((near < far) + 0.5 * (near == far)).mean())
    accepted = identity.true_accepts(distance, same, 0.1)
    cuts = [cut for cut in np.append(distance, 9) if (distance[~same] < cut).mean() <= 0.1]
    assert accepted == max((distance[same] < cut).mean() for cut in cuts)


def test_threshold_is_the_best_of_all():
    rng = np.random.default_rng(2)
    same = rng.random(80) < 0.5
    distance = rng.normal(np.where(same, 0.5, 0.8), 0.2)
    ours = ((distance < identity.best_threshold(distance, same)) == same).mean()
    assert ours == max(((distance < cut) == same).mean() for cut in np.append(distance, 9))


def test_the_tested_fold_does_not_choose_its_threshold():
    same = np.array([True, False] * 4)
    distance = np.array([0.2, 0.8] * 3 + [1.2, 1.8])
    folds = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    found = identity.verify(distance, same, folds)
    assert found.accuracy == pytest.approx((1 + 1 + 1 + 0.5) / 4)


def test_pairs_file(tmp_path):
    (tmp_path / "pairs.csv").write_text("fold,a,b,same\n0,x,y,1\n1,x,z,0\n")
    pairs = identity.read_pairs(tmp_path / "pairs.csv")
    assert pairs.first == ["x", "x"] and pairs.second == ["y", "z"]
    assert pairs.same.tolist() == [True, False] and pairs.folds.tolist() == [0, 1]
    (tmp_path / "bad.csv").write_text("a,b\nx,y\n")
    for name in ("bad.csv", "none.csv"):
        with pytest.raises(InputError, match=name):
            identity.read_pairs(tmp_path / name)


def test_one_kind_of_pairs_is_refused():
    with pytest.raises(InputError, match="both kinds"):
        identity.verify(np.ones(4), np.ones(4, bool), np.arange(4))
