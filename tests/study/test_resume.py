"""Durability: a killed study goes on as if nothing had happened, and a changed space is checked."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import trimtab as tt
from trimtab.errors import InputError, SpaceError

SCRIPT = textwrap.dedent(
    """
    import sys, time
    import trimtab as tt

    def objective(trial):
        time.sleep(0.02)
        return (trial["x"] - 0.3) ** 2 + 0.1 * (trial["c"] == "b") + 0.01 * trial["k"]

    if __name__ == "__main__":
        space = {"x": tt.Float(0.0, 1.0), "k": tt.Int(1, 9), "c": ["a", "b", "c"]}
        path, sampler, n, workers = sys.argv[1:]
        study = tt.minimize(
            objective, space, int(n), sampler=sampler, storage=path, seed=7, workers=int(workers), progress=False
        )
        print(len(study.trials))
    """
)


def start(folder, path, sampler, n, workers=1):
    script = folder / "tune.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(path), sampler, str(n), str(workers)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_trials(path, n, seconds=60):
    """Until the file holds n ended trials."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if Path(path).exists():
            try:
                study = tt.Study.load(path)
            except (tt.TrimtabError, OSError):
                time.sleep(0.01)
                continue
            ended = sum(t.state == "finished" for t in study.trials)
            study.close()
            if ended >= n:
                return
        time.sleep(0.01)
    raise AssertionError(f"{n} trials did not end in {seconds} s")


def finish(process):
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


@pytest.mark.parametrize("sampler", ["tpe", "gp"])
def test_kill_9_and_resume_gives_the_study_that_was_never_killed(tmp_path, sampler):
    whole = tmp_path / "whole.db"
    finish(start(tmp_path, whole, sampler, 16))
    killed = tmp_path / "killed.db"
    for stop_at in (4, 9):
        process = start(tmp_path, killed, sampler, 16)
        wait_for_trials(killed, stop_at)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        process.stderr.close()
    assert finish(start(tmp_path, killed, sampler, 16)).strip() == "16"

    expected, got = tt.Study.load(whole), tt.Study.load(killed)
    assert [(t.params, t.value, t.state) for t in got.trials] == [(t.params, t.value, t.state) for t in expected.trials]


def test_a_grid_has_each_cell_once_with_two_workers_and_a_kill(tmp_path):
    path = tmp_path / "grid.db"
    script = SCRIPT.replace("tt.Float(0.0, 1.0)", "[0.1, 0.2, 0.3, 0.4]").replace("tt.Int(1, 9)", "[1, 2, 3]")
    (tmp_path / "grid.py").write_text(script)
    command = [sys.executable, str(tmp_path / "grid.py"), str(path), "grid", "1000", "2"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for_trials(path, 5)
    process.send_signal(signal.SIGKILL)
    process.wait()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=120)

    study = tt.Study.load(path)
    cells = [tuple(t.values()) for t in study.trials]
    assert len(cells) == len(set(cells)) == 36
    assert {t.state for t in study.trials} == {"finished"}


def test_two_processes_share_a_grid_without_a_repeat_or_a_gap(tmp_path):
    path = tmp_path / "grid.db"
    script = SCRIPT.replace("tt.Float(0.0, 1.0)", "[0.1, 0.2, 0.3, 0.4]").replace("tt.Int(1, 9)", "[1, 2, 3]")
    (tmp_path / "grid.py").write_text(script)
    command = [sys.executable, str(tmp_path / "grid.py"), str(path), "grid", "1000", "1"]
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err

    study = tt.Study.load(path)
    cells = [tuple(t.values()) for t in study.trials]
    assert len(cells) == len(set(cells)) == 36


def test_a_trial_that_takes_its_process_down_three_times_has_failed(tmp_path):
    script = tmp_path / "crash.py"
    script.write_text(
        textwrap.dedent(
            """
            import os, sys
            import trimtab as tt

            def objective(trial):
                if trial.number == 1:
                    os._exit(3)
                return trial["x"]

            space = {"x": tt.Float(0.0, 1.0)}
            tt.minimize(objective, space, 4, sampler="random", storage=sys.argv[1], seed=0, progress=False)
            """
        )
    )
    path = tmp_path / "crash.db"
    codes = [subprocess.run([sys.executable, str(script), str(path)], timeout=60).returncode for _ in range(4)]
    assert codes == [3, 3, 3, 0]
    study = tt.Study.load(path)
    assert [t.state for t in study.trials] == ["finished", "failed", "finished", "finished"]
    assert "died 3 times" in study.trials[1].error


def opened(path, space, **keywords):
    return tt.Study(space, **{"sampler": "random", "storage": path, "seed": 0, **keywords})


def test_a_wider_space_goes_on_and_a_narrower_one_is_refused(tmp_path):
    path = tmp_path / "x.db"
    study = opened(path, {"x": tt.Float(0.0, 1.0), "c": ["a", "b"]})
    study.add_trial({"x": 0.9, "c": "b"}, 1.0)
    study.close()

    wider = opened(path, {"x": tt.Float(0.0, 2.0), "c": ["a", "b", "c"]})
    assert wider.best.params == {"x": 0.9, "c": "b"}
    wider.add_trial({"x": 1.5, "c": "c"}, 0.5)
    wider.close()
    with pytest.raises(SpaceError, match=r"cannot go on with this space.*'x' must lie in \[0, 1\]"):
        opened(path, {"x": tt.Float(0.0, 1.0), "c": ["a", "b", "c"]})
    with pytest.raises(SpaceError, match="choice 'c' of parameter 'c' is gone"):
        opened(path, {"x": tt.Float(0.0, 2.0), "c": ["a", "b"]})
    with pytest.raises(SpaceError, match="parameter 'new' is new"):
        opened(path, {"x": tt.Float(0.0, 2.0), "c": ["a", "b", "c"], "new": tt.Int(0, 1)})
    with pytest.raises(SpaceError, match="'c', which is not searched any more"):
        opened(path, {"x": tt.Float(0.0, 2.0)})
    again = opened(path, {"x": tt.Float(0.0, 2.0), "c": ["a", "b", "c"]})
    assert [t.value for t in again.trials] == [1.0, 0.5]


def test_another_direction_is_refused_and_the_seed_is_remembered(tmp_path):
    path = tmp_path / "x.db"
    first = opened(path, {"x": tt.Float(0.0, 1.0)}, seed=None)
    first.close()
    second = opened(path, {"x": tt.Float(0.0, 1.0)}, seed=None)
    assert second.seed == first.seed
    with pytest.raises(InputError, match="stored with direction='minimize', got 'maximize'"):
        opened(path, {"x": tt.Float(0.0, 1.0)}, direction="maximize")


def test_load_needs_a_name_only_where_there_are_several(tmp_path):
    path = tmp_path / "x.db"
    opened(path, {"x": tt.Float(0.0, 1.0)}, name="one").close()
    assert tt.Study.load(path).name == "one"
    opened(path, {"x": tt.Float(0.0, 1.0)}, name="two").close()
    with pytest.raises(InputError, match="'one', 'two'"):
        tt.Study.load(path)
    with pytest.raises(InputError, match="no study named 'three'"):
        tt.Study.load(path, "three")


def test_looking_at_a_study_writes_nothing(tmp_path):
    path = tmp_path / "x.db"
    study = opened(path, {"f": tt.Categorical([os.getpid, os.getcwd]), "x": tt.Float(0, 1)})
    study.add_trial({"f": os.getpid, "x": 0.5}, 1.0)
    position = study.storage.read("study")[1]
    study.close()
    viewer = tt.Study.load(path)
    assert viewer.best.params == {"f": "posix.getpid", "x": 0.5}
    assert viewer.storage.read("study")[1] == position


@pytest.mark.parametrize("keywords", [{"sampler": "grid"}, {"direction": "min"}, {"sampler": "gpp"}, {"seed": -1}])
def test_what_is_refused_leaves_nothing_in_the_storage(tmp_path, keywords):
    path = tmp_path / "x.db"
    with pytest.raises(InputError):
        opened(path, {"x": tt.Float(0.0, 1.0)}, **keywords)
    assert not path.exists()
    opened(path, {"x": tt.Float(0.0, 1.0)}, name="good").close()
    with pytest.raises(InputError):
        opened(path, {"x": tt.Float(0.0, 1.0)}, **{"name": "bad", **keywords})
    assert tt.Study.load(path).name == "good"


def below_two(params):
    return params["x"] < 2


@pytest.mark.parametrize(
    ("space", "missing"),
    [
        (tt.Space({"x": [0, 1, 2]}, [below_two]), "the code of the constraint below_two"),
        ({"x": tt.Categorical([len, 2])}, "the value len of parameter 'x'"),
        ({"x": [1, 2], "f": tt.Constant(len)}, "the value len of parameter 'f'"),
    ],
)
def test_a_study_loaded_without_parts_of_its_space_can_be_looked_at_only(tmp_path, space, missing):
    path = tmp_path / "x.db"
    study = opened(path, space)
    study.optimize(lambda trial: 0.5, 1, progress=False)
    study.close()
    viewer = tt.Study.load(path)
    assert viewer.best.value == 0.5
    assert len(viewer.trials) == 1
    for search in (viewer.ask, lambda: viewer.optimize(len, 1, progress=False), lambda: viewer.enqueue({"x": 1})):
        with pytest.raises(InputError, match=f"was loaded without {missing}.*space="):
            search()
    viewer.close()
    assert tt.Study.load(path, space=space, sampler="random").ask().number == 1


def test_a_file_that_may_not_be_written_can_be_looked_at(tmp_path, monkeypatch):
    path = tmp_path / "x.db"
    study = opened(path, {"x": tt.Float(0.0, 1.0)})
    study.add_trial({"x": 0.5}, 1.0)
    study.close()
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)  # root may write everywhere
    viewer = tt.Study.load(path)
    assert viewer.best.value == 1.0
    with pytest.raises(tt.errors.StorageError, match="reading only"):
        viewer.ask()


def test_a_file_that_is_missing_or_foreign_cannot_be_loaded(tmp_path):
    with pytest.raises(tt.errors.StorageError, match="There is no file"):
        tt.Study.load(tmp_path / "none.db")
    (tmp_path / "text.db").write_text("these are no trials " * 100)
    with pytest.raises(tt.errors.StorageError, match="no SQLite file"):
        tt.Study.load(tmp_path / "text.db")
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"epochs": 100}, r"'epochs' is the constant 100, but stored trials had the constant 10\."),
        ({}, r"'epochs' is gone, but stored trials had the constant 10\."),
        ({"epochs": 10, "seed": 1}, r"'seed' is the constant 1, but stored trials did not have it\."),
        ({"epochs": tt.Constant(10, when={"c": "b"})}, r"'epochs' is gone, but stored trials had the constant 10\."),
    ],
)
def test_constants_that_stored_trials_did_not_have_are_refused(tmp_path, changed, message):
    path, space = tmp_path / "x.db", {"x": tt.Float(0.0, 1.0), "c": ["a", "b"]}
    opened(path, {**space, "epochs": 1}).close()  # nothing was tried yet
    study = opened(path, {**space, "epochs": 10})
    study.add_trial({"x": 0.5, "c": "a"}, 1.0)
    study.close()
    with pytest.raises(SpaceError, match=f"cannot go on with this space.*{message} Use another study name"):
        opened(path, {**space, **changed})
    wider = opened(
        path, {"x": tt.Float(0.0, 2.0), "c": ["a", "b", "d"], "epochs": 10, "new": tt.Constant(len, when={"c": "d"})}
    )
    assert wider.best.params == {"x": 0.5, "c": "a", "epochs": 10}
