"""The tasks of the benchmark of peers: what they offer, their noise, their truths, and what is kept of a search on one."""

import json
import math

import numpy as np
import pytest
from benchmarks.peers import tasks
from benchmarks.peers.running import noise, record, tool_seed
from benchmarks.peers.spaces import choice, draw, floating, whole
from numpy.testing import assert_allclose


def a_grid():
    """Two levels of a number, two words; the second seed is 2 worse."""
    values = np.array([[1.0, 3.0], [2.0, 4.0], [3.0, 5.0], [0.0, 2.0]])
    return tasks.Grid("fcnet", "small", {"n": [16, 32], "f": ["relu", "tanh"]}, values, log=False)


def test_a_grid_offers_numbers_as_positions_and_words_as_choices():
    grid = a_grid()

    assert grid.space == [whole("n", 0, 1), choice("f", ["relu", "tanh"])]
    assert [grid.truth({"n": n, "f": f}) for n in (0, 1) for f in ("relu", "tanh")] == [2.0, 3.0, 4.0, 1.0]


def test_a_grid_is_observed_by_one_stored_seed():
    seen = {a_grid().observe({"n": 1, "f": "tanh"}, np.random.default_rng(i)) for i in range(20)}

    assert seen == {0.0, 2.0}  # 20 draws miss one of two seeds once in 500,000; these do not


def test_quantile_and_regret_place_a_truth_among_all():
    grid = a_grid()  # truths 1, 2, 3, 4

    assert_allclose([grid.quantile(t) for t in (1.0, 2.0, 4.0)], np.log10([0.5 / 4, 1 / 4, 3 / 4]))
    assert_allclose([grid.regret(t) for t in (1.0, 2.5, 4.0)], [0.0, 1.0, 2.0])
    in_log = tasks.Grid("fcnet", "log", {"n": [1, 2, 3]}, np.array([[1.0], [10.0], [1000.0]]), log=True)
    assert_allclose([in_log.regret(t) for t in (1.0, 10.0, 1000.0)], [0.0, 1.0, 3.0])


def test_draws_are_uniform_on_each_parameter_s_own_scale():
    space = [floating("f", 1e-4, 1.0, log=True), whole("i", 1, 4), choice("c", ["a", "b"])]

    drawn = draw(space, 4_000, np.random.default_rng(1))

    # each share is 4,000 draws: beyond 6 standard errors for one seed in 10^8
    assert abs(np.mean([p["f"] < 1e-2 for p in drawn]) - 0.5) < 0.05
    assert_allclose(np.bincount([p["i"] for p in drawn], minlength=5)[1:] / 4_000, 0.25, atol=0.042)
    assert abs(np.mean([p["c"] == "a" for p in drawn]) - 0.5) < 0.05


def test_the_noise_of_a_trial_is_the_same_for_every_tool():
    assert noise("f:a", 1, 2).random() == noise("f:a", 1, 2).random()
    assert len({noise(t, s, n).random() for t in ("f:a", "f:b") for s in (0, 1) for n in (1, 2)}) == 8
    assert tool_seed("f:a", 0) != tool_seed("f:b", 0)


@pytest.mark.parametrize("name", ["fcnet:protein_structure", "hpobench:car", "lcbench:3945"])
def test_the_tasks_of_the_data_measure_themselves(name):
    try:
        task = tasks.load(name)
    except tasks.MissingData as error:
        pytest.skip(str(error))
    rng = np.random.default_rng(3)
    configurations = draw(task.space, 200, rng)
    true = np.array([task.truth(p) for p in configurations])

    observed = np.array([task.observe(p, rng) for p in configurations])
    shares = 10.0 ** np.array([task.quantile(t) for t in true])

    assert np.isfinite(observed).all()
    assert abs(shares.mean() - 0.5) < 0.13  # 200 uniform shares: 6 standard errors, one seed in 10^8
    assert np.array_equal(np.argsort(true, kind="stable"), np.argsort([task.regret(t) for t in true], kind="stable"))
    if task.family == "lcbench":
        assert_allclose(observed, true)


def test_missing_data_says_which_folder_and_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("TRIMTAB_BENCH_DATA", str(tmp_path))

    with pytest.raises(tasks.MissingData, match=r"no folder fcnet in TRIMTAB_BENCH_DATA .*Set TRIMTAB_BENCH_DATA"):
        tasks.data_folder("fcnet")


def test_training_runs_are_noisy_and_their_truths_are_kept(tmp_path):
    from benchmarks.peers.mlp import Training

    task = Training("wine", tmp_path, n_reference=3)
    params = draw(task.space, 1, np.random.default_rng(4))[0] | {"width": 8, "layers": 1, "batch_size": 64}

    observed = [task.observe(params, np.random.default_rng(i)) for i in range(2)]
    true = task.truth(params)

    assert observed[0] != observed[1]
    assert 0 < true < 9.3
    kept = json.loads((tmp_path / "wine-truths.jsonl").read_text())
    assert kept["params"] == params
    assert kept["true"] == true
    again = Training("wine", tmp_path, n_reference=3)
    again._mean = None  # nothing is trained again
    assert again.truth(params) == true
    assert math.isfinite(
        again.observe(params | {"solver": "sgd", "learning_rate": 0.3, "alpha": 10.0}, np.random.default_rng(0))
    )


def test_a_record_scores_the_incumbent_the_tried_and_the_recommended():
    grid = a_grid()  # truths: (0, relu) 2, (0, tanh) 3, (1, relu) 4, (1, tanh) 1
    worst, best, second = {"n": 1, "f": "relu"}, {"n": 1, "f": "tanh"}, {"n": 0, "f": "relu"}
    trials = [(worst, 3.0), (best, 2.0), (second, 1.0), (best, 2.0), (second, 1.0)]  # the noise hides the best

    kept = record(grid, trials, {5: best})

    assert kept["trials"] == [3.0, 2.0, 1.0, 2.0, 1.0]
    assert kept["incumbents"] == [[1, -0.125], [2, -0.903], [3, -0.602]]
    assert kept["checkpoints"] == {
        "5": {"quantile": -0.6021, "tried": -0.9031, "recommended": -0.9031, "regret": 0.66667}
    }
