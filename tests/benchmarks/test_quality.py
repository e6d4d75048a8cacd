"""The benchmark of sensitivities: exact shares, scores, and a small run of the whole command."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from benchmarks.lines import read
from benchmarks.quality import tables
from benchmarks.quality.__main__ import QUICK, main
from benchmarks.quality.analyses import ANALYSES, Analyst, Place, table_of
from benchmarks.quality.anova import normal_scores, of_function, of_grid, on_scale
from benchmarks.quality.designs import _inside, _short
from benchmarks.quality.functions import FUNCTIONS
from benchmarks.quality.scores import error, normalised, rank_error, scored
from benchmarks.quality.tasks import load, scales_of, truth

import trimtab as tt
from trimtab.testing import ishigami, sobol_g

QUALITY = Path(__file__).resolve().parents[2] / "benchmarks" / "quality"
DRIVERS = sorted(p for p in (QUALITY / "drivers").glob("*.py") if p.name != "_serve.py")


def product_grid():
    """x + 2 y + x y on {-1, 1} x {-1, 1} x {three dead levels}: parts 1, 4 and 1 of the variance."""
    x, y, _ = np.meshgrid([-1.0, 1.0], [-1.0, 1.0], [0.0, 1.0, 2.0], indexing="ij")
    return x + 2 * y + x * y


def test_shares_of_a_grid_are_exact():
    shares = of_grid(product_grid()[..., None])

    np.testing.assert_allclose(shares.main, [1 / 6, 4 / 6, 0], atol=1e-12)
    np.testing.assert_allclose(shares.total, [2 / 6, 5 / 6, 0], atol=1e-12)
    np.testing.assert_allclose(shares.pair, [[0, 1 / 6, 0], [1 / 6, 0, 0], [0, 0, 0]], atol=1e-12)


def test_seed_noise_is_taken_out_of_a_grid():
    """The standard error of a total is about 0.006 here; with the noise left in, a dead axis would have 0.09."""
    rng = np.random.default_rng(1)
    x, y, _ = np.meshgrid(*(np.linspace(-1, 1, 12),) * 3, indexing="ij")
    f = (x + 2 * y + x * y)[..., None]

    noisy = of_grid(f + f.std() * np.sqrt(0.4) * rng.standard_normal((*f.shape[:3], 4)))

    np.testing.assert_allclose(noisy.total, of_grid(f).total, atol=0.03)
    assert np.isnan(of_grid(np.ones((3, 3, 2))).total).all()


def test_scales():
    v = np.array([[1.0, 4.0], [2.0, 2.0]])

    np.testing.assert_allclose(on_scale(v, "log"), np.log(v))
    assert on_scale(v, "raw") is v
    scores = normal_scores(v)
    assert scores[1, 0] == scores[1, 1] == 0.0
    assert scores[0, 0] == -scores[0, 1] < 0
    with pytest.raises(ValueError, match=r"positive values, the smallest is -1"):
        on_scale(np.array([-1.0, 2.0]), "log")
    with pytest.raises(ValueError, match="scale must be one of raw, log, rank, got 'sqrt'"):
        on_scale(v, "sqrt")


@pytest.mark.parametrize(("name", "problem"), [("function:ishigami", ishigami()), ("function:sobol_g", sobol_g())])
def test_kept_shares_are_the_known_ones(name, problem):
    kept = truth(name, "raw")

    np.testing.assert_allclose(kept.main, list(problem.main.values()), atol=2e-3)
    np.testing.assert_allclose(kept.total, list(problem.total.values()), atol=2e-3)


def test_kept_shares_of_friedman_and_the_interaction_are_the_known_ones():
    """Friedman 1991: the parts of x3, x4, x5 alone are 20/9, 25/3 and 25/12 of the variance (400/180, 100/12, 25/12)."""
    kept = truth("function:friedman", "raw")
    alone = np.array([400 / 180, 100 / 12, 25 / 12])

    np.testing.assert_allclose(kept.total[2:5] / kept.total[3], alone / alone[1], atol=2e-3)
    assert truth("null:interaction", "raw").total.tolist() == pytest.approx([1, 1, 0, 0], abs=2e-3)
    assert truth("null:interaction", "raw").pair[0, 1] == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("name", [n for n, f in FUNCTIONS.items() if any(f.live)])
def test_kept_shares_are_computed_again_roughly(name):
    """2^12 points: errors of about 0.01."""
    f = FUNCTIONS[name]
    for scale in f.scales:
        kept, again = truth(name, scale), of_function(f.value, f.live, scale, 0.0, log2_n=12)
        allowed = 0.05 if scale == "raw" else 0.1  # ranks depend on the noise, which is left out here
        np.testing.assert_allclose(again.main, kept.main, atol=allowed)
        np.testing.assert_allclose(again.total, kept.total, atol=allowed)
        assert (kept.total[~np.array(f.live)] == 0).all()


def test_ranks_of_noisy_values_flatten_steps():
    """Two values far apart against small noise share the ranks as they are; under strong noise the middle is shared more evenly."""
    f, live = (lambda u: np.where(u[:, 0] < 0.9, 0.0, 1.0) + 0.1 * u[:, 1]), (True, True)

    sharp, blurred = (of_function(f, live, "rank", deviation, 13).total for deviation in (0.0, 0.3))

    assert sharp[1] > blurred[1]


def test_functions_are_seen_in_the_users_values_as_in_the_cube():
    task = FUNCTIONS["null:dead"]
    middle = {"rate": 0.4, "dead1": 0, "kind": "b", "dead2": 8, "decay": 0.5, "dead3": "off", "dead4": 1, "dead5": "p"}

    np.testing.assert_allclose(task.point(middle), [0.4, 0, 0.5, 7.5 / 8, 0.5, 0.75, 1, 0.125])
    assert FUNCTIONS["function:borehole"].observe(
        {p["name"]: p["low"] for p in FUNCTIONS["function:borehole"].space}, np.random.default_rng(0)
    ) == pytest.approx(20, rel=0.5)
    with pytest.raises(ValueError, match="null:noise has no shares on the scale 'log', only on raw, rank"):
        truth("null:noise", "log")
    assert scales_of("function:borehole") == ("raw", "log", "rank")


def test_scores_of_shares():
    right = np.array([0.6, 0.3, 0.0])

    assert error(np.array([6.0, 3.0, -1.0]), right) == pytest.approx(0)
    assert error(np.full(3, np.nan), right) == pytest.approx(1 / 3)
    assert error(np.array([0.0, 0.0, 1.0]), right) == 1
    assert rank_error(np.array([3.0, 2.0, 1.0]), right) == 0
    assert rank_error(np.array([1.0, 2.0, 3.0]), right) == 1
    assert rank_error(np.ones(3), right) == 0.5
    assert normalised(np.array([-1.0, 0.0])).tolist() == [0.5, 0.5]


def test_scores_of_a_line():
    """null:interaction: totals 1, 1, 0, 0."""
    row = {
        "task": "null:interaction", "scale": "raw", "total": [0.9, 0.2, 0.3, 0.0], "main": [0.0, 0.0, 0.1, 0.0],
        "total_interval": [[0.8, 0.1, 0.2, 0.0], [1.0, 0.5, 0.4, 0.1]], "verdicts": ["matters", "too little data", "matters", "x"],
        "pairs": [[0, 1], [2, 3]], "pair_interval": [[0.9, 0.1], [1.0, 0.2]],
    }  # fmt: skip

    found = scored(row)

    assert found["outranked"] == 1
    assert (found["false"], found["missed"], found["declined"]) == (0.5, 0.5, 0)
    assert (found["total_covered"], found["total_above"], found["pair_covered"]) == (0.5, 0.25, 0.5)
    assert found["total_width"] == pytest.approx(0.225)
    assert "main_error" not in found
    noise = scored({"task": "null:noise", "scale": "raw", "total": [0.5] + [0.1] * 5, "verdicts": ["matters"] * 6})
    assert (noise["top"], noise["false"]) == (pytest.approx(0.5), 1)


def test_a_small_run_is_kept_goes_on_and_is_shown(tmp_path, capsys):
    words = ["run", *QUICK, "--results", str(tmp_path)]
    assert main(words) == 0
    assert main(words) == 0
    assert "0 analyses to run; 4 are there already" in capsys.readouterr().out

    assert main(["table", "--results", str(tmp_path)]) == 0

    shown = capsys.readouterr().out
    for word in ("| trimtab | 0.", "| equal |", "function:ishigami", "dead: matters"):
        assert word in shown
    rows = [row for path in tmp_path.glob("*.jsonl") for row in read(path)]
    of = {(r["analysis"], r["task"]): scored(r) for r in rows}
    assert of["trimtab", "function:ishigami"]["total_error"] < of["equal", "function:ishigami"]["total_error"]
    assert of["equal", "null:noise"]["top"] == pytest.approx(1 / 6)
    (tmp_path / "README.md").write_text("<!-- quality -->\n<!-- /quality -->\n")
    (tmp_path / "benchmarks/results/quality").mkdir(parents=True)
    tables.write_readme([r | {"scores": scored(r)} for r in rows], tmp_path / "README.md")
    assert "| equal |" in (tmp_path / "README.md").read_text()


def test_trials_of_an_optimiser_are_kept_and_a_shorter_table_is_their_beginning(tmp_path):
    words = ["run", "--analyses", "equal", "--tasks", "null:dead", "--designs", "trimtab-tpe", "--seeds", "1"]
    words += ["--results", str(tmp_path)]
    assert main([*words, "--trials", "12,8"]) == 0
    assert main([*words, "--trials", "10"]) == 0

    (kept,) = read(tmp_path / "trials" / "trimtab-tpe.jsonl")
    assert len(kept["values"]) == 12
    table = table_of(load("null:dead").space, [{k: v[0] for k, v in kept["columns"].items()}], kept["values"][:1])
    assert table.n == 1
    assert [row["n"] for row in read(tmp_path / "equal.jsonl")] == [12, 8, 10]


def test_a_further_analysis_of_ours_is_one_line(monkeypatch):
    ours = ANALYSES["trimtab"]
    monkeypatch.setitem(ANALYSES, "trimtab-again", ours)
    u = np.random.default_rng(0).random(30)
    space = FUNCTIONS["null:interaction"].space[:1]

    with Analyst("trimtab-again", Place()) as analyst:
        version, found = analyst.analyse(space, [{"x1": float(v)} for v in u], [float(v) for v in u], "raw", 0)

    assert version.startswith(tt.__version__)
    assert found["total"] == [pytest.approx(1, abs=0.1)]
    assert found["verdicts"] == ["matters"]


def test_mistakes_are_told(capsys, tmp_path):
    assert main(["run", "--families", "moon"]) == 2
    assert "There is no family moon; known: fcnet, hpobench, function, null" in capsys.readouterr().err
    words = ["run", "--tasks", "null:noise", "--trials", "12", "--seeds", "1", "--results", str(tmp_path)]
    assert main([*words, "--designs", "uniform", "--analyses", "optuna-ped"]) == 1
    assert "Say where: --envs DIR" in capsys.readouterr().err
    assert main([*words, "--designs", "moon", "--analyses", "equal"]) == 2
    assert "There is no design 'moon'" in capsys.readouterr().err


@pytest.mark.parametrize("env", sorted({a.env for a in ANALYSES.values() if a.env}))
def test_requirements_name_one_version(env):
    text = (QUALITY / "requirements" / f"{env}.txt").read_text()
    assert re.search(r"^[\w-]+==\d+(\.\d+)+$", text, re.MULTILINE)


@pytest.mark.parametrize("path", DRIVERS, ids=lambda path: path.stem)
def test_a_driver_takes_standard_output_away_before_it_imports_a_tool(path):
    text = path.read_text()
    assert text.startswith('"""')
    tools = [text.find(tool) for tool in ("import optuna", "import numpy", "import hypershap") if tool in text]
    assert 0 < text.find("from _serve import serve") < min(tools, default=len(text))
    assert {a.driver for a in ANALYSES.values()} >= {path.stem}


def test_truths_are_whole():
    kept = json.loads((QUALITY / "truths.json").read_text())
    assert set(kept) == set(FUNCTIONS)
    assert all(set(kept[name]) == set(f.scales) for name, f in FUNCTIONS.items())


def test_a_bound_that_loses_digits_stays_inside():
    (bound,) = {p["high"] for p in FUNCTIONS["function:ishigami"].space}
    p = FUNCTIONS["function:ishigami"].space[0]

    assert _inside(p, _short(bound)) == bound
    assert _inside(p, _short(0.123456789)) == 0.1234568
