"""Scores of the benchmark of peers against values by hand, the tables made of them, and the files of results."""

import math

import pytest
from benchmarks.peers import results, scores, tables
from benchmarks.peers.running import Job
from numpy.testing import assert_allclose


def a_run(tool, task, seed, quantiles, budget=10, **fields):
    """A line of results whose incumbent has these quantiles from these trials on: {trial: quantile}."""
    reached = {n: quantiles[max(t for t in quantiles if t <= n)] for n in (5, 10) if n <= budget}
    return {
        "tool": tool,
        "version": "1",
        "task": task,
        "family": task.split(":")[0],
        "seed": seed,
        "budget": budget,
        "trials": [0.0] * budget,
        "incumbents": [[n, q] for n, q in quantiles.items()],
        "checkpoints": {
            str(n): {"quantile": q, "tried": q, "recommended": None, "regret": -q} for n, q in reached.items()
        },
        "ask_seconds": 0.002,
        "tell_seconds": 0.001,
        "wall": 0.1,
        **fields,
    }


def test_a_mean_is_over_tasks_of_seeds_and_its_error_comes_from_the_seeds():
    values = {("a", 0): 1.0, ("a", 1): 3.0, ("b", 0): 10.0, ("b", 1): 10.0, ("b", 2): 13.0}

    found = scores.mean_over_tasks(values)

    assert_allclose(found.mean, (2 + 11) / 2)
    assert_allclose(found.se, math.sqrt(2 / 2 + 3 / 3) / 2)  # variances 2 and 3, of two and three seeds; two tasks
    assert math.isnan(scores.mean_over_tasks({("a", 0): 1.0}).se)
    with pytest.raises(ValueError, match="at least one"):
        scores.mean_over_tasks({})


def test_a_difference_is_paired_so_that_what_a_seed_does_to_both_goes_out():
    ours = {("a", 0): -5.0, ("a", 1): 4.0, ("a", 2): 100.0}
    theirs = {("a", 0): -4.0, ("a", 1): 6.0}

    found = scores.difference(ours, theirs)

    assert_allclose((found.mean, found.se), (-1.5, 0.5))


def test_ranks_are_within_a_pair_and_equal_tools_share():
    ranked = scores.ranks(
        {"x": {("a", 0): 1.0, ("a", 1): 2.0}, "y": {("a", 0): 1.0, ("a", 1): 1.0}, "z": {("a", 0): 0.0, ("a", 1): 3.0}}
    )

    assert ranked == {
        "x": {("a", 0): 2.5, ("a", 1): 2.0},
        "y": {("a", 0): 2.5, ("a", 1): 1.0},
        "z": {("a", 0): 1.0, ("a", 1): 3.0},
    }


def test_only_pairs_that_all_tools_have_are_compared():
    runs = [a_run("x", "f:a", s, {1: 0.0}) for s in (0, 1, 2)] + [a_run("y", "f:a", s, {1: 0.0}) for s in (1, 2, 3)]

    found = scores.common(runs, ["x", "y"])

    assert list(found["x"]) == list(found["y"]) == [("f:a", 1), ("f:a", 2)]
    assert found["y"]["f:a", 1]["tool"] == "y"


def test_the_best_peer_has_the_lowest_mean_of_the_peers():
    values = {"ours": {("a", 0): -9.0}, "x": {("a", 0): -1.0}, "y": {("a", 0): -2.0}}

    assert scores.best_peer(values, ["x", "y"]) == "y"


def test_a_level_is_none_where_a_tool_has_no_such_thing():
    runs = {("f:a", 0): a_run("x", "f:a", 0, {1: -1.0, 7: -2.0})}

    assert scores.levels(runs, 5) == {("f:a", 0): -1.0}
    assert scores.levels(runs, 10) == {("f:a", 0): -2.0}
    assert scores.levels(runs, 10, "recommended") is None
    assert scores.levels(runs, 50) is None


def test_the_curve_holds_an_incumbent_until_the_next_one():
    runs = {
        ("f:a", 0): a_run("x", "f:a", 0, {1: 0.0, 3: -1.0}, budget=4),
        ("f:a", 1): a_run("x", "f:a", 1, {1: 0.0, 4: -3.0}, budget=4),
        ("f:b", 0): a_run("x", "f:b", 0, {1: -1.0, 2: -2.0}, budget=4),
    }

    assert_allclose(scores.curve(runs), [-0.5, -1.0, -1.25, -2.0])


def test_trials_to_reach_counts_to_the_reference_s_last_level():
    slow = {("f:a", s): a_run("slow", "f:a", s, {1: 0.0, 10: -2.0}) for s in range(3)}
    fast = {("f:a", s): a_run("fast", "f:a", s, {1: 0.0, 4: -2.5}) for s in range(3)}
    never = {("f:a", s): a_run("never", "f:a", s, {1: 0.0}) for s in range(3)}

    assert scores.trials_to_reach(fast, slow) == scores.Estimate(4.0, 0.0)
    assert scores.trials_to_reach(slow, slow) == scores.Estimate(10.0, 0.0)
    assert scores.trials_to_reach(never, slow).mean == math.inf


def test_the_spread_of_trials_to_reach_comes_from_resampled_seeds():
    reference = {("f:a", s): a_run("r", "f:a", s, {1: -1.0}) for s in range(2)}
    ours = {("f:a", 0): a_run("x", "f:a", 0, {1: 0.0, 2: -1.0}), ("f:a", 1): a_run("x", "f:a", 1, {1: 0.0, 6: -1.0})}

    found = scores.trials_to_reach(ours, reference)

    assert found.mean == 6.0
    # resampled: trial 2 with probability 1/4, else 6: sd 4 * sqrt(3) / 4 = 1.73; 400 resamples put it within 0.2 but for one seed in 10,000
    assert_allclose(found.se, math.sqrt(3), atol=0.2)


def test_results_are_kept_one_a_line_and_a_cut_off_line_is_run_again(tmp_path):
    first, second = a_run("x", "f:a", 0, {1: 0.0}), a_run("x", "f:a", 1, {1: -1.0})
    results.append(tmp_path, first)
    with (tmp_path / "x.jsonl").open("a") as file:
        file.write('{"tool": "x", "ta')
    assert results.read(tmp_path) == [first]

    results.append(tmp_path, second)

    assert results.read(tmp_path, ["x"]) == [first, second]
    results.drop(tmp_path, [Job("x", "f:a", 0, 10)])
    assert results.read(tmp_path) == [second]


def test_the_tables_name_the_best_peer_and_what_was_left_out(tmp_path):
    runs = [
        a_run(tool, f"{family}:a", seed, {1: 0.0, 5: level - 0.1 * seed})
        for tool, level in (("trimtab-gp", -3.0), ("optuna-tpe", -2.0), ("ax", -2.5))
        for family in ("f", "g")
        for seed in range(3)
    ] + [a_run("ax", "f:a", 7, {1: 0.0})]

    text = tables.everything(runs)

    assert "6 pairs of task and seed that all 3 tools have (left out: ax 1)" in text
    assert "| trimtab-gp | best observed | -0.50 ± 0.00 (ax) | -0.50 ± 0.00 (ax) |" in text
    assert "| trimtab-gp | recommended, else best observed | -0.50 ± 0.00 (ax) |" in text
    assert "| optuna-tpe | -1.00 ± 0.00 |" in text
    assert "| optuna-tpe | -2.10 ± 0.04 | -2.10 ± 0.04 | 2.100 ± 0.041 | 3.0 ± 0.0 | 5 ± 0 | 3 ± " in text
    assert "## g: 1 tasks, 3 seeds each" in text
    (tmp_path / "benchmarks/results/peers").mkdir(parents=True)
    (tmp_path / "README.md").write_text("<!-- peers -->\n<!-- /peers -->\n")
    tables.write_readme(runs, tmp_path / "README.md")
    assert "| trimtab-gp | -3.10 ± 0.04 |" in (tmp_path / "README.md").read_text()
    with pytest.raises(ValueError, match="No task and seed was run by all tools"):
        tables.everything([a_run("x", "f:a", 0, {1: 0.0}), a_run("y", "f:a", 1, {1: 0.0})])


def test_a_tool_with_few_runs_is_set_against_ours_and_leaves_the_others_theirs():
    runs = [
        a_run(tool, "f:a", seed, {1: 0.0, 5: level - 0.1 * seed})
        for tool, level, seeds in (
            ("trimtab-gp", -3.0, 10),
            ("optuna-tpe", -2.0, 10),
            ("ax", -2.5, 10),
            ("hebo", -1.0, 2),
        )
        for seed in range(seeds)
    ]

    text = tables.everything(runs)

    assert "10 pairs of task and seed that all 3 tools have." in text
    assert "| hebo | 1 | 2 | -2.00 ± 0.00 | -2.00 ± 0.00 |" in text


def test_what_understanding_costs_is_counted_in_trials_of_the_search_without_it():
    runs = [
        a_run(tool, "f:a", seed, steps)
        for tool, steps in (
            ("trimtab-gp", {1: 0.0, 4: -1.0, 8: -2.0}),
            ("trimtab-gp-understand", {1: 0.0, 6: -1.0}),
            ("ax", {1: 0.0}),
        )
        for seed in range(3)
    ]

    text = tables.everything(runs)

    assert "3 pairs of task and seed that all 2 tools have." in text
    assert "| trimtab-gp | all | 3 | 1.00 ± 0.00 | 1.00 ± 0.00 | 4 ± 0 |" in text
