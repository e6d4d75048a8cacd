"""Ask, tell, add, enqueue, release: what each does to the table, and what each refuses."""

import math

import numpy as np
import pytest

import trimtab as tt
from trimtab.errors import InputError, ObjectiveError, SearchEnded, SpaceError, StudyError
from trimtab.records import Fold

SPACE = {
    "lr": tt.Float(1e-4, 1e-1, log=True),
    "units": tt.Int(8, 64),
    "shape": tt.Categorical([(50,), (50, 50)]),
    "fixed": tt.Constant("adam"),
}


def study(**keywords):
    return tt.Study(SPACE, **{"sampler": "random", "seed": 0, **keywords})


def test_a_trial_is_a_read_only_mapping_of_the_users_own_types():
    trial = study().ask()

    assert dict(**trial) == trial.params
    assert list(trial) == ["lr", "units", "shape", "fixed"]
    assert [type(v) for v in trial.values()] == [float, int, tuple, str]
    with pytest.raises(TypeError):
        trial["lr"] = 1.0
    trial.params["lr"] = 1.0
    assert trial["lr"] != 1.0


def test_tell_records_value_state_and_seconds():
    s = study()
    trial = s.ask()
    assert [t.state for t in s.trials] == ["running"]

    s.tell(trial, np.float32(0.5))

    (record,) = s.trials
    assert (record.number, record.value, record.state, record.error) == (0, 0.5, "finished", None)
    assert record.params == trial.params
    assert 0 <= record.seconds < 10


def test_tell_takes_the_number_too_and_given_seconds():
    s = study()
    s.tell(s.ask().number, 1.0, seconds=12.5)
    assert s.trials[0].seconds == 12.5


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_a_failed_trial(value):
    s = study()
    s.tell(s.ask(), value)
    assert s.trials[0].state == "failed"
    assert s.trials[0].value is None
    assert repr(value) in s.trials[0].error


@pytest.mark.parametrize("value", ["0.5", None, (0.5, 0.6), True, [0.5], {}, 1j])
def test_a_value_that_is_no_number_is_refused_and_the_trial_stays_open(value):
    s = study()
    trial = s.ask()
    with pytest.raises(ObjectiveError, match="one real number"):
        s.tell(trial, value)
    assert s.trials[0].state == "running"
    s.tell(trial, 0.5)
    assert s.best.value == 0.5


def test_telling_twice_is_refused_and_the_first_result_stays():
    s = study()
    trial = s.ask()
    s.tell(trial, 0.25)
    with pytest.raises(StudyError, match=r"Trial 0 of study 'study' .*: it is finished with the value 0\.25"):
        s.tell(trial, 0.75)
    assert s.best.value == 0.25


@pytest.mark.parametrize("number", [7, -1])
def test_an_unknown_trial_is_refused(number):
    s = study()
    with pytest.raises(StudyError, match="has no trial"):
        s.tell(number, 0.5)
    s.ask()
    with pytest.raises(StudyError, match=rf"has no trial {number}; it has 1"):
        s.tell(number, 0.5)


def test_tell_refuses_what_is_no_trial_and_no_state():
    s = study()
    trial = s.ask()
    with pytest.raises(InputError, match="Expected a Trial or its number"):
        s.tell("0", 0.5)
    with pytest.raises(InputError, match="'finished', 'pruned' or 'failed'"):
        s.tell(trial, 0.5, state="done")


def test_failed_and_pruned_trials_are_no_best():
    s = study()
    s.tell(s.ask(), state="failed", error="boom")
    s.tell(s.ask(), 0.01, state="pruned")
    with pytest.raises(StudyError, match=r"no finished trial: 1 failed\. The last error was: boom"):
        s.best  # noqa: B018
    s.tell(s.ask(), 0.3)
    assert s.best.number == 2
    assert [t.state for t in s.trials] == ["failed", "pruned", "finished"]


def test_an_empty_study_says_so():
    with pytest.raises(StudyError, match="no finished trial yet"):
        study().best  # noqa: B018
    assert study().trials == []
    assert len(study()) == 0


def test_best_is_the_highest_when_maximising_and_the_earliest_of_equals():
    s = study(direction="maximize")
    for value in (0.2, 0.9, 0.9, 0.1):
        s.tell(s.ask(), value)
    assert (s.best.number, s.best.value) == (1, 0.9)
    assert s.table.y.tolist() == [-0.2, -0.9, -0.9, -0.1]


def test_add_trial_records_a_result_from_elsewhere():
    s = study()
    s.add_trial({"lr": 0.01, "units": 32, "shape": (50, 50)}, 0.125)
    assert s.best.params == {"lr": pytest.approx(0.01), "units": 32, "shape": (50, 50), "fixed": "adam"}
    with pytest.raises(tt.errors.SpaceError, match="'units'"):
        s.add_trial({"lr": 0.01, "units": 3200, "shape": (50,)}, 0.1)
    with pytest.raises(tt.errors.SpaceError, match=r"Did you mean 'units'\?"):
        s.add_trial({"lr": 0.01, "unit": 32, "shape": (50,)}, 0.1)
    with pytest.raises(ObjectiveError):
        s.add_trial({"lr": 0.01, "units": 32, "shape": (50,)}, "0.1")
    assert len(s) == 1


def test_enqueued_configurations_come_first_in_order():
    s = study()
    s.enqueue({"lr": 0.01, "units": 32, "shape": (50,)})
    s.enqueue({"lr": 0.01, "units": 33, "shape": (50,)})
    assert [s.ask()["units"] for _ in range(2)] == [32, 33]
    assert s.ask().number == 2


def test_a_released_trial_is_given_out_again_with_the_same_configuration():
    s = study()
    first, second = s.ask(), s.ask()
    s.release(first)
    again = s.ask()
    assert (again.number, again.params) == (first.number, first.params)
    assert s.ask().number == second.number + 1


def test_reports_are_stored_with_the_trial():
    s = study()
    trial = s.ask()
    trial.report(0.9, step=0)
    trial.report(0.7, step=1)
    s.tell(trial, 0.7)
    assert s.trials[0].reports == {0.0: 0.9, 1.0: 0.7}
    with pytest.raises(StudyError, match="not running"):
        trial.report(0.5, step=2)


def test_the_same_seed_gives_the_same_study_and_another_seed_another():
    def proposals(seed, sampler):
        s = study(seed=seed, sampler=sampler)
        for _ in range(14):
            trial = s.ask()
            s.tell(trial, (math.log10(trial["lr"]) + 2) ** 2 + trial["units"] / 64)
        return [t.params for t in s.trials]

    for sampler in ("random", "sobol", "tpe", "gp"):
        assert proposals(3, sampler) == proposals(3, sampler)
        assert proposals(3, sampler) != proposals(4, sampler)


def test_an_exhausted_grid_says_that_it_ended():
    s = tt.Study({"a": [1, 2], "b": ["x", "y"]}, sampler="grid")
    seen = {tuple(s.ask().values()) for _ in range(4)}
    assert len(seen) == 4
    with pytest.raises(SearchEnded):
        s.ask()


def test_to_pandas_has_a_row_a_trial():
    pandas = pytest.importorskip("pandas")
    s = tt.Study({"number": [1, 2, 3], "m": tt.Float(0, 1, when={"number": 2})}, sampler="random", seed=0)
    s.add_trial({"number": 2, "m": 0.5}, 0.5)
    s.add_trial({"number": 1}, state="failed")
    frame = s.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == ["number", "state", "value", "param_number", "m", "seconds", "error"]
    assert frame["param_number"].tolist() == [2, 1]
    assert frame["m"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("keywords", "text"),
    [
        ({"direction": "min"}, "'minimize' or 'maximize'"),
        ({"sampler": "gpp"}, "'gp'"),
        ({"sampler": 3}, "sampler"),
        ({"seed": -1}, "seed must be"),
        ({"seed": 0.5}, "seed must be"),
        ({"name": ""}, "name must be"),
    ],
)
def test_bad_arguments_are_named(keywords, text):
    with pytest.raises(InputError, match=text):
        study(**keywords)


def test_a_study_survives_pickle_and_goes_on():
    import pickle

    s = study(sampler="tpe")
    for i in range(12):
        s.tell(s.ask(), float(i))
    copy = pickle.loads(pickle.dumps(s))
    assert copy.ask().params == s.ask().params
    copy.tell(12, 0.5)
    assert [t.state for t in s.trials].count("running") == 1


def test_a_trial_of_another_study_is_refused():
    s, other, elsewhere = study(seed=0), study(seed=1), tt.Study({"z": [1, 2]}, sampler="random", seed=0)
    trial = s.ask()
    for stranger in (other.ask(), elsewhere.ask()):
        with pytest.raises(StudyError, match="Trial 0 is of another study"):
            s.tell(stranger, 0.5)
    s.tell(trial, 0.5)
    assert s.best.value == 0.5


def test_tell_takes_numpy_numbers_and_refuses_wrong_seconds_and_errors():
    s = study()
    s.ask()
    for seconds in ("1", -1, math.inf, True):
        with pytest.raises(InputError, match="seconds must be a number >= 0"):
            s.tell(0, 0.5, seconds=seconds)
    with pytest.raises(InputError, match="error must be a text"):
        s.tell(0, state="failed", error=ValueError("boom"))
    s.tell(np.int64(0), np.float16(0.5), seconds=np.float32(2))
    assert (s.trials[0].value, s.trials[0].seconds) == (0.5, 2.0)


def test_an_empty_error_text_is_no_trouble():
    s = study()
    s.tell(s.ask(), state="failed", error="")
    with pytest.raises(StudyError, match="1 failed"):
        s.best  # noqa: B018


def test_add_trial_treats_values_as_tell_does():
    s = study()
    params = {"lr": 0.01, "units": 32, "shape": (50,)}
    assert s.add_trial(params, 0.25, state="pruned").value == 0.25
    assert s.add_trial(params, state="pruned").value is None
    failed = s.add_trial(params, math.inf)
    assert (failed.state, failed.value) == ("failed", None)
    assert "inf" in failed.error
    with pytest.raises(InputError, match="'finished', 'pruned' or 'failed'"):
        s.add_trial(params, 0.25, state="running")
    assert s.trials[0]["lr"] == 0.01


def test_a_forbidden_configuration_may_be_added_and_not_enqueued():
    s = tt.Study(tt.Space({"a": tt.Int(0, 9), "b": tt.Int(0, 9)}, ["a <= b"]), sampler="random", seed=0)
    assert s.add_trial({"a": 5, "b": 1}, 0.5).state == "finished"
    with pytest.raises(SpaceError, match=r"breaks a constraint of the space \(a <= b\)"):
        s.enqueue({"a": 5, "b": 1})
    s.enqueue({"a": 1, "b": 5})
    assert len(s) == 2


def test_a_grid_does_not_repeat_what_was_enqueued():
    s = tt.Study({"a": [1, 2, 3], "b": ["x", "y"]}, sampler="grid")
    s.enqueue({"a": 2, "b": "y"})
    s.optimize(lambda trial: trial["a"], progress=False)
    assert s.trials[0].params == {"a": 2, "b": "y"}
    assert len(s) == len({tuple(t.values()) for t in s.trials}) == 6


@pytest.mark.parametrize("stored", [False, True])
def test_threads_ask_and_tell_at_once(tmp_path, stored):
    import threading

    s = study(storage=tmp_path / "x.db" if stored else None)
    numbers, problems = [], []

    def work():
        try:
            for _ in range(20):
                trial = s.ask()
                trial.report(0.5, step=0)
                numbers.append(trial.number)
                s.tell(trial, float(trial.number))
                assert s.best.value >= 0
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert sorted(numbers) == list(range(80))
    assert [t.value for t in s.trials] == [float(i) for i in range(80)]
    events, _ = s.storage.read("study")
    fold = Fold(s.space, "minimize")
    fold.apply(events)
    np.testing.assert_array_equal(fold.table.y, s.table.y)


def test_any_text_is_a_name():
    names = ["a b", 'it\'s "quoted"', "naïve ☃", "x'; DROP TABLE events;--", "number", "class", "\n", "%s", "{0}"]
    s = tt.Study({name: tt.Float(0.0, 1.0) for name in names}, sampler="tpe", seed=0, name="n'; DROP TABLE studies;--")
    s.optimize(lambda trial: trial["a b"], 12, progress=False)
    assert list(s.best) == names
    assert "12 trials" in repr(s)


def test_a_told_value_that_is_no_number_is_named_as_such():
    s = study()
    with pytest.raises(
        ObjectiveError, match=r"Trial 0: value= of tell\(\) must be one real number, got None .* Give one"
    ):
        s.tell(s.ask())
    with pytest.raises(ObjectiveError, match=r"value= of add_trial\(\) must be one real number, got 'x'"):
        s.add_trial(s.trials[0].params, "x")


def test_a_very_long_error_keeps_its_beginning_and_its_end():
    study = tt.Study({"a": tt.Float(0, 1)}, sampler="random", seed=0)
    long = "first line\n" + "x" * 1_000_000 + "\nlast line"
    study.tell(study.ask(), state="failed", error=long)
    study.tell(study.ask(), state="failed", error="short")
    kept = study.trials[0].error
    assert len(kept) < 21_000
    assert kept.startswith("first line")
    assert kept.endswith("last line")
    assert "980,021 characters were left out here" in kept
    assert study.trials[1].error == "short"
