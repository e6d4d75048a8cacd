"""trial.seed and repeats=: configurations are evaluated again on purpose only, each time with another seed."""

import pickle
from collections import Counter

import numpy as np
import pytest

import trimtab as tt
from trimtab.errors import InputError
from trimtab.records import Created
from trimtab.study import _racing
from trimtab.study._changes import Wanted

SPACE = {"x": tt.Float(0, 1), "y": tt.Int(0, 9)}


def noisy(trial):
    return (trial["x"] - 0.4) ** 2 + 0.05 * trial["y"] + 0.3 * np.random.default_rng(trial.seed).standard_normal()


def configurations(study):
    return Counter(tuple(t.params.items()) for t in study.trials)


def origins(study):
    return [e.origin for e in study.storage.read(study.name)[0] if isinstance(e, Created)]


# -- trial.seed -------------------------------------------------------------------------------------------------------


def test_seeds_differ_and_follow_from_the_studys_seed():
    a, b, other = (tt.Study(SPACE, sampler="random", seed=seed) for seed in (0, 0, 1))
    for s in (a, b, other):
        for _ in range(50):
            s.ask()
    seeds = [t.seed for t in a.trials]

    assert len(set(seeds)) == 50
    assert all(type(seed) is int and 0 <= seed < 2**32 for seed in seeds)
    assert seeds == [t.seed for t in b.trials]
    assert not set(seeds) & {t.seed for t in other.trials}


def test_a_seed_survives_resuming_also_with_another_seed_of_the_study(tmp_path):
    path = tmp_path / "s.db"
    with tt.Study(SPACE, sampler="random", seed=0, storage=path) as s:
        seed = s.ask().seed
    with tt.Study(SPACE, sampler="random", seed=5, storage=path) as s:
        assert s.trials[0].seed == seed


@pytest.mark.parametrize("workers", [1, 2])
def test_the_objective_sees_the_seed_of_the_record(workers):
    s = tt.minimize(lambda t: float(t.seed), SPACE, 3, sampler="random", seed=0, workers=workers, progress=False)
    assert [t.value for t in s.trials] == [t.seed for t in s.trials]


def test_a_copied_trial_keeps_its_seed():
    trial = tt.Study(SPACE, sampler="random", seed=0).ask()
    assert pickle.loads(pickle.dumps(trial)).seed == trial.seed


# -- repeats= ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", ["gp", "tpe", "auto"])
def test_without_repeats_nothing_is_evaluated_twice(sampler):
    s = tt.minimize(noisy, SPACE, 30, sampler=sampler, seed=0, progress=False)
    assert max(configurations(s).values()) == 1


@pytest.mark.parametrize("sampler", ["gp", "tpe", "random"])
def test_promising_configurations_are_repeated_on_purpose_only(sampler):
    s = tt.minimize(noisy, SPACE, 40, sampler=sampler, seed=0, repeats=3, progress=False)
    counts, repeats = configurations(s), origins(s).count("repeat")

    assert len(s) == 40  # repeats count towards n_trials
    assert sum(n - 1 for n in counts.values()) == repeats
    assert 0 < repeats <= 40 / 3
    assert max(counts.values()) <= 3
    assert "repeat" not in origins(s)[: _racing.LEAST]
    assert len({t.seed for t in s.trials}) == 40
    assert not s.table.from_sampler[[i for i, o in enumerate(origins(s)) if o == "repeat"]].any()


def test_without_noise_there_is_hardly_a_repeat():
    s = tt.minimize(
        lambda t: (t["x"] - 0.4) ** 2 + t["y"], SPACE, 40, sampler="random", seed=0, repeats=3, progress=False
    )
    assert origins(s).count("repeat") <= 6


def test_racing_is_a_function_of_the_log(tmp_path):
    whole = tt.minimize(noisy, SPACE, 34, sampler="random", seed=0, repeats=3, progress=False)
    path = tmp_path / "s.db"
    for n in (10, 24, 29, 34):
        with tt.minimize(noisy, SPACE, n, sampler="random", seed=0, repeats=3, storage=path, progress=False) as s:
            parts = [(t.params, t.value) for t in s.trials]
    assert parts == [(t.params, t.value) for t in whole.trials]


@pytest.mark.parametrize("lucky", [False, True])
def test_repeats_neither_wear_out_patience_nor_renew_it(lucky):
    """The first configuration stays the best; `lucky`: its repeats are better than it."""
    seen = {}

    def objective(trial):
        key = tuple(trial.items())
        seen[key] = seen.get(key, -1) + 1
        return float(len(seen)) + (trial.seed % 97) / 10 - (20.0 * seen[key] if lucky else 0.0)

    patience = 30
    s = tt.minimize(objective, SPACE, sampler="random", seed=0, patience=patience, repeats=3, progress=False)
    repeats = {i for i, o in enumerate(origins(s)) if o == "repeat"}
    new = [t for t in s.trials if t.number not in repeats]
    last_better = max(i for i, t in enumerate(new) if t.value == min(u.value for u in new[: i + 1]))

    assert repeats
    assert s.stopped == "patience: the last 30 finished trials were no better (repeats aside)"
    assert len(new) == last_better + 1 + patience


def test_running_repeats_count(monkeypatch):
    monkeypatch.setattr(_racing, "SHARE", 1.0)
    s = tt.minimize(noisy, SPACE, 20, sampler="random", seed=0, progress=False)
    for _ in range(10):
        assert s._start_next(s._channel, wanted=Wanted(repeats=2)) is not None
    assert max(configurations(s).values()) == 2


def test_a_finite_space_is_searched_first_and_then_repeated_as_far_as_it_pays():
    s = tt.minimize(
        lambda t: 0.1 * t["y"] + 0.3 * np.random.default_rng(t.seed).standard_normal(),
        {"y": tt.Int(0, 5)},
        sampler="grid",
        n_trials=50,
        seed=0,
        repeats=3,
        progress=False,
    )
    counts = configurations(s)
    assert len(counts) == 6
    assert max(counts.values()) == 3
    assert len(s) <= 18


@pytest.mark.parametrize("repeats", [0, -1, 1.5, True, None, "3"])
def test_repeats_must_be_a_whole_number(repeats):
    with pytest.raises(InputError, match="repeats must be a whole number >= 1"):
        tt.minimize(noisy, SPACE, 1, repeats=repeats, progress=False)
