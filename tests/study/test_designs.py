"""Designs run as ordinary studies: resumed, shared, by processes, with failures."""

import math

import numpy as np
import pytest

import trimtab as tt
from trimtab.errors import InputError
from trimtab.records._evaluation import evaluate
from trimtab.sensitivity import MorrisDesign, SaltelliDesign, morris, saltelli

SPACE = tt.Space({"a": tt.Float(0.0, 1.0), "b": tt.Float(1e-4, 1.0, log=True), "k": tt.Int(1, 9)})


def smooth(params):
    return 3.0 * params["a"] + math.log10(params["b"]) + 0.1 * params["k"]


class Counted:
    """Raises what is not caught at the given call."""

    def __init__(self, stop=None):
        self.calls, self.stop = 0, stop

    def __call__(self, params):
        self.calls += 1
        if self.calls == self.stop:
            raise KeyboardInterrupt
        return smooth(params)


@pytest.mark.parametrize(("analysis", "size"), [(morris, {"r": 4}), (saltelli, {"n": 8})], ids=["morris", "saltelli"])
def test_an_interrupted_design_goes_on_and_ends_with_the_same_numbers(analysis, size, tmp_path):
    whole = Counted()
    expected = analysis(whole, SPACE, **size, progress=False)

    first, second = Counted(stop=11), Counted()
    with pytest.raises(KeyboardInterrupt):
        analysis(first, SPACE, **size, storage=tmp_path / "d.db", progress=False)
    resumed = analysis(second, SPACE, **size, storage=tmp_path / "d.db", progress=False)

    assert first.calls - 1 + second.calls == whole.calls
    assert str(resumed) == str(expected)
    third = Counted()
    assert str(analysis(third, SPACE, **size, storage=tmp_path / "d.db", progress=False)) == str(expected)
    assert third.calls == 0


def test_a_larger_design_keeps_what_is_there(tmp_path):
    few, more = Counted(), Counted()
    morris(few, SPACE, r=3, repeats=0, storage=tmp_path / "d.db", progress=False)
    result = morris(more, SPACE, r=6, repeats=0, storage=tmp_path / "d.db", progress=False)

    assert result.n_used == 6
    assert few.calls + more.calls == len(MorrisDesign.of(SPACE, r=6, repeats=0).points)
    assert few.calls == len(MorrisDesign.of(SPACE, r=3, repeats=0).points)


def test_the_study_is_an_ordinary_one(tmp_path):
    morris(smooth, SPACE, r=3, storage=tmp_path / "d.db", name="screening", progress=False)

    with tt.Study.load(tmp_path / "d.db", "screening") as study:
        assert len(study) == len(MorrisDesign.of(SPACE, r=3).points)
        assert study.best.value == min(t.value for t in study.trials)


def test_a_design_can_be_evaluated_by_ask_and_tell():
    design = SaltelliDesign.of(SPACE, n=8, repeats=0)
    study = tt.Study(SPACE, sampler="random", seed=0)
    for params in reversed(SPACE.decode(design.points)):
        study.add_trial(params, smooth(params))

    ours = design.result(study.table)
    theirs = saltelli(smooth, SPACE, n=8, repeats=0, progress=False)
    np.testing.assert_allclose(ours.total, theirs.total, atol=1e-9)
    assert ours.n_used == 8


def test_worker_processes_give_the_same_numbers():
    alone = morris(smooth, SPACE, r=2, progress=False)
    assert str(morris(smooth, SPACE, r=2, workers=2, progress=False)) == str(alone)


def test_points_are_evaluated_as_often_as_they_occur():
    points = np.array([[0.5, 0.5, 0.5], [0.25, 0.5, 0.5], [0.5, 0.5, 0.5]])
    table = evaluate(smooth, SPACE, points, seed=0, progress=False)
    assert table.n == 3
    assert len(np.unique(table.x, axis=0)) == 2


def test_an_unknown_keyword_is_refused():
    with pytest.raises(TypeError, match="worker"):
        morris(smooth, SPACE, r=2, worker=2)
    with pytest.raises(InputError, match="function"):
        morris(3.0, SPACE, r=2)


def test_a_timeout_leaves_a_result_of_what_is_there(tmp_path):
    import time

    def slow(params):
        time.sleep(0.02)
        return smooth(params)

    part = morris(slow, SPACE, r=40, timeout=0.25, storage=tmp_path / "d.db", progress=False)
    assert part.n_used < 40
    assert any("not evaluated to their end" in note for note in part.notes)
