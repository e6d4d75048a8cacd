"""Finite differences of any objective: exact slopes, common seeds, noise statistics, steps, ends, kill and resume."""

import json
import math
import subprocess
import sys
import zlib

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

import trimtab as tt
from trimtab.errors import InputError, SpaceError
from trimtab.sensitivity import Trained, finite_difference, hypergradient
from trimtab.sensitivity._difference_plan import LADDER, half_width, plan
from trimtab.sensitivity._stencils import own_coordinate, stencils_of
from trimtab.space import Categorical, Float, Int, Space

SPACE = Space(
    {
        "lr": Float(1e-4, 1e-1, log=True),
        "momentum": Float(0.0, 1.0),
        "units": Int(1, 64, log=True),
        "layers": Int(1, 4),
        "activation": Categorical(["relu", "tanh"]),
        "slope": Float(0.0, 1.0, when={"activation": "relu"}),
    }
)
AT = {"lr": 1e-2, "momentum": 0.5, "units": 16, "layers": 1, "activation": "tanh"}


def smooth(trial):
    return (
        (math.log(trial["lr"]) + 6) ** 2
        + math.sin(3 * trial["momentum"])
        + 0.5 * math.log(trial["units"])
        - 0.2 * trial["layers"]
    )


def quiet(objective, space=SPACE, at=AT, **arguments):
    return finite_difference(objective, space, at=at, progress=False, **arguments)


def noise(trial, size=1.0, *, of=()):
    """Normal noise that follows from the seed, and from the values of the names in `of`."""
    words = zlib.crc32(repr([trial[name] for name in of]).encode())
    return size * np.random.default_rng([trial.seed, words]).standard_normal()


def test_exact_slopes_of_a_smooth_objective():
    r = quiet(smooth)

    assert r.parameters == ("lr", "momentum", "units", "layers")
    log_lr = 2 * (math.log(1e-2) + 6)
    three_points = (math.log(17) - math.log(15)) / (math.log(17) - math.log(15))
    assert_allclose(r.log_derivative, [log_lr, np.nan, 0.5 * three_points, np.nan], rtol=1e-5)
    assert_allclose(r.derivative, [log_lr / 1e-2, 3 * math.cos(1.5), 0.5 / 16, -0.2], rtol=1e-4)
    assert (r.low <= r.derivative).all()
    assert (r.derivative <= r.high).all()
    assert_allclose(r.high - r.low, 0, atol=1e-3 * np.abs(r.derivative).max())
    assert [v.split(" the ")[0] for v in r.verdicts.values()] == [
        "matters: larger values raise", "matters: larger values raise", "matters: larger values raise", "matters: larger values lower",
    ]  # fmt: skip
    assert "deterministic" in " ".join(r.notes)


@pytest.mark.parametrize("momentum", [0.0, 1.0, 1e-5, 0.0001, 0.3])
def test_at_the_ends_the_step_goes_inwards(momentum):
    seen = []

    def objective(trial):
        seen.append(trial["momentum"])
        return math.exp(trial["momentum"])

    r = quiet(objective, at={**AT, "momentum": momentum}, wrt=["momentum"])

    assert 0 <= min(seen) <= max(seen) <= 1
    assert_allclose(r.derivative, math.exp(momentum), rtol=1e-5)


@pytest.mark.parametrize(("units", "low", "high"), [(1, 1, 3), (2, 1, 3), (16, 15, 17), (64, 62, 64)])
def test_whole_numbers_move_by_whole_steps(units, low, high):
    r = quiet(lambda t: float(t["units"]), at={**AT, "units": units}, wrt=["units"], step=1e-4)

    assert (r.step_low[0], r.step_high[0]) == (low, high)
    assert isinstance(r.values[0], int)


@pytest.mark.parametrize(
    ("parameter", "value", "slope"),
    [
        (Float(0, 10, step=2.0), 4.0, 3.0),
        (Int(0, 1), 0, 3.0),
        (Int(-5, 5), 5, 3.0),
        (Int(0, 10**9), 7 * 10**8, 3.0),
        (stats.norm(2.0, 3.0), 4.0, 3.0),
        (stats.loguniform(1e-3, 1e3), 0.5, 3.0),
    ],
)
def test_kinds_of_numbers(parameter, value, slope):
    r = finite_difference(lambda t: 3.0 * t["x"], {"x": parameter}, at={"x": value}, progress=False)

    assert_allclose(r.derivative, slope, rtol=1e-5)


def test_stencils_are_exact_for_parabolas():
    """Anywhere in the range and with any step: the nodes lie within, and the weights differentiate a + b t + c t^2 at t0."""
    space = Space({"a": Float(-2, 3), "b": Float(1e-3, 10, log=True), "c": Int(1, 300), "d": Int(1, 300, log=True)})
    for j in range(4):
        for u in (0.0, 1e-4, 0.03, 0.2, 0.5, 0.9, 0.999, 1.0):
            latent = space.snap(np.full((1, 4), u))[0]
            for stencil in stencils_of(space, latent, j, LADDER):
                t0 = own_coordinate(space, j, float(latent[j]))[0]
                t = np.array([own_coordinate(space, j, x)[0] for x in stencil.points[:, j]]) - t0
                # the point itself moves to the lattice of the design, by less than 1e-6 of the range
                assert_allclose(stencil.weights @ np.ones(len(t)), 0, atol=1e-9 * np.abs(stencil.weights).max())
                assert_allclose(stencil.weights @ t, 1, atol=1e-9)
                assert_allclose(stencil.weights @ t**2, 0, atol=2e-2 * np.abs(t).max())


def test_trials_of_a_difference_have_one_seed():
    seen = {}

    def objective(trial):
        seen.setdefault(trial.seed, []).append(trial["momentum"])
        return 5 * trial["momentum"] + noise(trial) + noise(trial, 0.01, of=["momentum"])

    r = quiet(objective, wrt=["momentum"], n_trials=16, precision=1e-4)

    assert all(len(set(values)) == len(values) for values in seen.values())
    assert all(len(values) % 2 == 0 for values in seen.values())
    assert len(seen) >= 4
    assert abs(r.derivative[0] - 5) < 0.5
    assert r.n_trials == 16


def test_common_noise_drops_out():
    """Noise of 1 that both sides share costs nothing; the same noise from elsewhere takes all trials and wins."""
    rng = np.random.default_rng(1)
    shared = quiet(lambda t: t["momentum"] + noise(t), wrt=["momentum"])
    other = quiet(lambda t: 0.1 * t["momentum"] + rng.standard_normal(), wrt=["momentum"])

    assert_allclose(shared.derivative, 1, rtol=1e-9)
    assert shared.n_trials < 30
    assert other.high[0] - other.low[0] > 1
    assert other.verdicts["momentum"].startswith("noise wins: the interval holds 0")
    assert math.isnan(other.derivative[0])
    assert "in [" in str(other)


def test_the_objective_gets_its_own_parameters_and_can_report(tmp_path):
    def objective(trial):
        assert dict(trial) == trial.params
        assert set(trial) <= set(SPACE.parameters)
        assert "repeat" not in trial.numeric
        trial.report(1.0, step=1)
        trial.report_gradient({"momentum": 3.0})
        assert not trial.should_stop()
        return trial["momentum"]

    assert quiet(objective, wrt=["momentum"], storage=tmp_path / "s.db").n_failed == 0
    with tt.Study.load(tmp_path / "s.db") as study:
        assert all(dict(trial.gradient) == {"momentum": 3.0} for trial in study.trials)


def test_a_parameter_of_the_repeats_name():
    r = finite_difference(lambda t: 2.0 * t["repeat"], {"repeat": Float(0, 1)}, at={"repeat": 0.5}, progress=False)

    assert_allclose(r.derivative, 2)


def test_the_step_stands_out_of_the_noise():
    """Finer steps where there is little noise, coarser ones where there is much."""
    steps = []
    for size in (0.0, 1e-5, 1e-3, 3e-2, 0.3):
        r = quiet(lambda t, size=size: t["momentum"] + noise(t, size, of=["momentum"]), wrt=["momentum"])
        steps.append((r.step_high - r.step_low)[0])

    assert steps == sorted(steps)
    assert steps[0] == pytest.approx(2 * LADDER[0], rel=1e-2)
    assert steps[-1] == pytest.approx(2 * LADDER[-1], rel=1e-2)


def test_a_coarse_step_over_a_bend_is_not_taken_for_the_slope():
    """Slope 1 up to 0.6, and down from there so steeply that the coarsest step, from 0.25 to 0.75, sees no slope at all."""

    def objective(trial):
        return min(trial["momentum"], 0.6 - 7 / 3 * (trial["momentum"] - 0.6)) + noise(trial, 0.05, of=["momentum"])

    found = [quiet(objective, wrt=["momentum"], n_trials=60, seed=seed) for seed in range(4)]

    assert (
        sum(r.step_high[0] < 0.61 and r.verdicts["momentum"].startswith("matters: larger values raise") for r in found)
        >= 3
    )


def test_seeds_are_added_until_the_precision_is_reached():
    def objective(trial):
        return trial["momentum"] + noise(trial, 0.05, of=["momentum"])

    rough = quiet(objective, wrt=["momentum"], precision=0.5, n_trials=400)
    fine = quiet(objective, wrt=["momentum"], precision=0.05, n_trials=400)
    short = quiet(objective, wrt=["momentum"], precision=0.05, n_trials=30)

    assert rough.repeats[0] < fine.repeats[0]
    assert (fine.high - fine.low)[0] / 2 <= 0.05 * fine.derivative[0]
    assert short.n_trials <= 30
    assert "used up at a precision of" in short.verdicts["momentum"]


def _simulated(slope, sd, seed, n_trials):
    """A knob's measurement, with noise of sd beside what the repeats share."""
    space = Space({"x": Float(0, 1)})
    stencils = {0: stencils_of(space, np.array([0.5]), 0, LADDER)}
    rng, known = np.random.default_rng(seed), {}

    def found(point, repeat):
        key = (round(point[0] * 2**20), repeat)
        if key not in known:
            known[key] = slope * point[0] + 10.0 * repeat + sd * rng.standard_normal()
        return known[key]

    state = plan(stencils, found, n_trials=n_trials, precision=0.25, confidence=0.9)
    assert len(state.points) <= n_trials
    return state.reached[0].slope


@pytest.mark.parametrize(("slope", "sd"), [(1, 0.01), (1, 0.05), (1, 0.2), (0, 0.1)])
def test_intervals_cover_the_slope(slope, sd):
    """90 % intervals held it in 88 to 95 % of 1,000 runs; of these 200, fewer than 81 % do by chance with less than 0.4 %."""
    covered = 0
    for seed in range(200):
        slopes = _simulated(slope, sd, seed, 30)
        covered += abs(slopes.mean() - slope) <= half_width(slopes, 0.9)
    assert covered / 200 > 0.81


def test_a_dead_knob_seldom_matters():
    """7 % of 1,000 runs took noise for a slope; of these 200, more than 12 % do by chance with less than 0.5 %."""
    runs = [_simulated(0, 0.1, seed, 30) for seed in range(1000, 1200)]
    assert np.mean([abs(s.mean()) > half_width(s, 0.9) for s in runs]) <= 0.12


def test_a_dead_knob_without_noise():
    r = quiet(lambda t: 1.0, wrt=["momentum", "layers"])

    assert set(r.verdicts.values()) == {"cannot be told from a dead knob: moving it changes nothing"}
    assert_array_equal(r.derivative, [0, 0])


def test_a_rough_objective_without_noise_is_refused():
    r = quiet(lambda t: t["momentum"] + 0.1 * math.sin(5e4 * t["momentum"] ** 2), wrt=["momentum"])

    assert r.verdicts["momentum"].startswith("noise wins: the two finest steps give")
    assert math.isnan(r.derivative[0])


def test_a_staircase_needs_a_coarse_step():
    """Flat at fine steps, with a slope at coarse ones: none is claimed. Stairs may be narrower or wider than the first step."""
    for stairs in (3, 20, 200):
        r = quiet(lambda t, n=stairs: math.floor(n * t["momentum"] + 0.75) / n, wrt=["momentum"])
        assert r.verdicts["momentum"].startswith("noise wins: the two finest steps")


def test_failed_trials_are_left_out():
    def objective(trial):
        if trial.seed % 4 == 0 or trial["layers"] == 2:
            raise RuntimeError("no")
        return trial["momentum"] + noise(trial, 0.001, of=["momentum"])

    r = quiet(objective, wrt=["momentum", "layers"], n_trials=60)

    assert abs(r.derivative[0] - 1) < 0.1
    assert r.verdicts["layers"].startswith("too little data: ")
    assert "failed trial" in r.verdicts["layers"]
    assert r.n_failed > 0
    assert "evaluations failed" in " ".join(r.notes)


@pytest.mark.parametrize("rule", ["momentum <= 0.5", lambda p: p["momentum"] <= 0.5])
def test_constraints_are_kept(rule):
    space = Space({"momentum": Float(0, 1), "other": Float(0, 1)}, constraints=[rule])
    seen = []

    def objective(trial):
        seen.append(trial["momentum"])
        return trial["momentum"] ** 2

    r = finite_difference(objective, space, at={"momentum": 0.5, "other": 0.5}, wrt=["momentum"], progress=False)

    assert max(seen) <= 0.5 + 1e-6
    assert_allclose(r.derivative, 1, rtol=1e-4)


def test_neighbours_that_the_constraints_forbid():
    space = Space({"a": Int(0, 9), "b": Float(0, 1)}, constraints=["a == 5 or b < 0.1"])
    r = finite_difference(lambda t: t["a"] + t["b"], space, at={"a": 5, "b": 0.5}, progress=False)

    assert r.verdicts["a"] == "too little data: the constraints forbid its neighbours"
    assert_allclose(r.derivative[1], 1)


def test_a_conditional_knob_where_it_is_active():
    at = {"lr": 1e-2, "momentum": 0.5, "units": 16, "layers": 1, "activation": "relu", "slope": 0.25}
    r = quiet(lambda t: 3 * t.get("slope", 9.0), at=at, wrt=["slope"])

    assert_allclose(r.derivative, 3)


def test_at_the_best_of_a_study():
    study = tt.minimize(smooth, SPACE, n_trials=8, sampler="random", seed=1, progress=False)
    r = finite_difference(smooth, study, progress=False)

    assert r.at["lr"] == pytest.approx(study.best["lr"], rel=1e-4)
    assert r.at["activation"] == study.best["activation"]
    same = finite_difference(smooth, study.table, progress=False)
    assert_array_equal(same.derivative, r.derivative)


def test_as_the_exact_hypergradient_of_the_same_seeds():
    """Logistic regression from a random start: the mean of exact forward-mode gradients over the seeds that the study used."""
    rng = np.random.default_rng(5)
    x, valid = rng.normal(size=(50, 4)) + 0.7, rng.normal(size=(30, 4)) + 0.5

    def train(params, seed, wrt):
        w, z, lr = np.random.default_rng(seed).normal(size=4), np.zeros(4), params["lr"]
        for _ in range(30):
            s = 1 / (1 + np.exp(x @ w))
            g, hessian = -x.T @ s / 50, (x.T * (s * (1 - s))) @ x / 50
            w, z = w - lr * g, z - lr * hessian @ z - g
        margin = valid @ w
        return Trained(
            float(np.mean(np.logaddexp(0, -margin))), {"lr": float(-np.mean((valid @ z) / (1 + np.exp(margin))))}
        )

    seeds = set()

    def objective(trial):
        seeds.add(trial.seed)
        return train(trial, trial.seed, ()).value

    space = Space({"lr": Float(1e-3, 1.0, log=True)})
    r = finite_difference(objective, space, at={"lr": 0.1}, step=1e-3, precision=0.1, n_trials=100, progress=False)
    exact = hypergradient(train, {"lr": 0.1}, seeds=sorted(seeds), check="none")

    assert len(seeds) == r.repeats[0]
    assert_allclose(r.derivative, exact.gradient, rtol=1e-4)
    assert_allclose(r.log_derivative, exact.log_gradient, rtol=1e-4)
    assert_allclose(r.noise, exact.seed_gradients.std(ddof=1), rtol=1e-4)


PROGRAM = """
import os, signal, sys
import trimtab as tt
from trimtab.space import Float, Space
import numpy as np
evaluated, most = 0, int(sys.argv[2])
def objective(trial):
    global evaluated
    evaluated += 1
    if evaluated > most:
        os.kill(os.getpid(), signal.SIGKILL)
    rng = np.random.default_rng([trial.seed, int(1e6 * trial["a"]), int(1e6 * trial["b"])])
    return trial["a"] + 0.3 * trial["b"] + 0.03 * rng.standard_normal() + trial.seed % 7
r = tt.sensitivity.finite_difference(
    objective, {"a": Float(0, 1), "b": Float(0, 1)}, at={"a": 0.5, "b": 0.2}, storage=sys.argv[1], n_trials=50, progress=False
)
import json
print(json.dumps([r.to_dict(), evaluated]))
"""


def _program(path, most):
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path), str(most)], capture_output=True, text=True, timeout=120
    )


def test_a_killed_study_goes_on_to_the_same_result(tmp_path):
    whole, count = json.loads(_program(tmp_path / "whole.db", 10**6).stdout)
    killed = tmp_path / "killed.db"
    assert _program(killed, 9).returncode == -9
    again, rest = json.loads(_program(killed, 10**6).stdout)
    third, nothing = json.loads(_program(killed, 10**6).stdout)

    assert again == whole
    assert rest == count - 9
    assert third == whole
    assert nothing == 0


def test_two_workers_find_the_same():
    def objective(trial):
        return trial["momentum"] + trial.seed

    assert (
        quiet(objective, wrt=["momentum"], n_trials=4, workers=2).to_dict()
        == quiet(objective, wrt=["momentum"], n_trials=4).to_dict()
    )


def test_a_timeout_leaves_the_rest_for_the_next_call(tmp_path):
    path = tmp_path / "s.db"
    first = quiet(smooth, storage=path, timeout=1e-6)
    second = quiet(smooth, storage=path)

    assert set(first.verdicts.values()) == {
        "too little data: not all trials have ended; the same call goes on with them"
    }
    assert np.isfinite(second.derivative).all()


def test_few_trials_are_obeyed():
    for n_trials in (1, 2, 3, 5, 8):
        r = quiet(lambda t: t["momentum"] + noise(t, 0.1, of=["momentum"]), n_trials=n_trials)
        assert r.n_trials <= n_trials
        assert not any(v.startswith("matters") for v in r.verdicts.values()) or n_trials > 4


def test_the_result_is_of_the_family():
    r = quiet(smooth)

    assert list(r.to_pandas().columns) == [
        "parameter", "value", "derivative", "low", "high", "log_derivative", "repeats", "verdict",
    ]  # fmt: skip
    assert json.loads(json.dumps(r.to_dict())) == quiet(smooth).to_dict()
    assert "<table>" in r._repr_html_()
    assert "momentum" in str(r)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"at": None}, "at= must say the configuration"),
        ({"wrt": ["activation"]}, "'activation' is a choice and has no derivative"),
        ({"wrt": ["slope"]}, "'slope' is inactive"),
        ({"wrt": ["alpha"]}, "'alpha', which the space does not search"),
        ({"wrt": "lr"}, r"Write wrt=\['lr'\]"),
        ({"wrt": []}, "at least one"),
        ({"precision": 0}, "precision must be > 0"),
        ({"n_trials": 0}, "n_trials must be a whole number >= 1"),
        ({"step": 2.0}, "step must be a share"),
        ({"confidence": 90}, "confidence must lie between 0 and 1"),
        ({"seed": -1}, "seed must be a whole number >= 0"),
    ],
)
def test_bad_arguments_are_refused_by_name(arguments, message):
    with pytest.raises(InputError, match=message):
        quiet(smooth, **arguments)


def test_bad_places_and_objectives_are_refused():
    with pytest.raises(SpaceError, match="lr"):
        quiet(smooth, at={**AT, "lr": 5.0})
    with pytest.raises(InputError, match="function of the trial"):
        quiet(3)
    with pytest.raises(InputError, match="choices have no derivative"):
        finite_difference(smooth, {"a": Categorical(["x", "y"])}, at={"a": "x"}, progress=False)
    with pytest.raises(SpaceError, match="'momentum' already"):
        SPACE.joined("momentum", Float(0, 1))
