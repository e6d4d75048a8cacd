"""Results as JSON lines: a run that was cut off costs its own row only."""

import math

from benchmarks.coco.__main__ import tables
from benchmarks.lines import append, keep, paired, read
from benchmarks.parallel.__main__ import table


def test_rows_come_back_and_a_line_that_was_cut_off_is_left_out(tmp_path):
    path = tmp_path / "some" / "runs.jsonl"
    assert read(path) == []
    append(path, {"a": 1})
    with path.open("a") as file:
        file.write('{"a": 2, "b"')
    append(path, {"a": 3})

    assert read(path) == [{"a": 1}, {"a": 3}]
    keep(path, [{"a": 3}])
    assert read(path) == [{"a": 3}]


def test_paired_differences_use_the_runs_that_both_made():
    mean, error, n = paired({1: 2.0, 2: 4.0, 3: 9.0}, {1: 1.0, 2: 1.0, 4: 0.0})

    assert (mean, n) == (2.0, 2)
    assert math.isclose(error, 1.0)  # sd of (1, 3) is sqrt 2, over sqrt 2
    assert math.isnan(paired({1: 2.0}, {1: 1.0})[1])


def test_the_parallel_table_says_what_workers_lose():
    curve = [-0.1 * k for k in range(50)]
    late = [0.0] * 10 + curve[:40]
    rows = [
        {"task": "t", "tool": "trimtab gp", "workers": w, "seed": s, "observed": c, "tried": c}
        for s in (0, 1)
        for w, c in ((1, curve), (4, late))
    ]

    lines = table(rows).splitlines()

    assert "1.00" in lines[2]
    assert "+1.00 ± 0.00" in lines[3]  # ten trials of 0.1 each
    assert "1.33" in lines[3]  # 40 trials for what one worker has after 30


def test_the_coco_table_ranks_the_tools():
    def row(tool, seed, gap):
        gaps = {"10": gap, "50": gap - 1}
        key = {"problem": "bbob-mixint f1 d5 i1", "suite": "bbob-mixint", "function": 1}
        return {**key, "tool": tool, "seed": seed, "gap": gaps, "seconds": 0.01}

    rows = [row(t, s, g) for s in (0, 1) for t, g in (("trimtab gp", -2.0), ("optuna gp", -1.5), ("random", 0.0))]

    shown = tables(rows)

    assert "| trimtab gp | -2.00 | -3.00 | -0.50 ± 0.00 | 1.00 |" in shown
    assert "| f1 sphere | -3.00 | -2.50 | -0.50 ± 0.00 | 2 |" in shown
