"""When a study stops: over calls, over processes, in time."""

import subprocess
import sys
import textwrap
import time

import pytest

import trimtab as tt

SPACE = {"x": tt.Float(0.0, 1.0), "k": tt.Int(1, 9)}


def new(**keywords):
    return tt.Study(SPACE, **{"sampler": "random", "seed": 0, **keywords})


def test_patience_counts_over_calls():
    study = new()
    worse_and_worse = lambda trial: float(trial.number)  # noqa: E731
    study.optimize(worse_and_worse, 3, patience=5, progress=False)
    assert len(study) == 3
    study.optimize(worse_and_worse, 100, patience=5, progress=False)
    assert len(study) == 1 + 5
    study.optimize(worse_and_worse, 100, patience=5, progress=False)
    assert len(study) == 6
    study.optimize(worse_and_worse, 2, progress=False)
    assert len(study) == 8


def test_minimize_with_patience_evaluates_nothing_when_run_again(tmp_path):
    for _ in range(3):
        study = tt.minimize(lambda trial: 1.0, SPACE, 50, patience=4, storage=tmp_path / "x.db", progress=False)
        assert len(study) == 5
        study.close()


def test_results_from_elsewhere_wear_out_no_patience_and_may_be_the_best():
    study = new()
    for value in (0.5, 0.6, 0.7, 0.8):
        study.add_trial({"x": 0.5, "k": 1}, value)
    study.optimize(lambda trial: 0.55, 100, patience=3, progress=False)
    assert len(study) == 4 + 3


def test_a_target_that_is_reached_already_evaluates_nothing():
    study = new(direction="maximize")
    study.add_trial({"x": 0.5, "k": 1}, 0.9)
    study.optimize(lambda trial: 0.0, 10, target=0.9, progress=False)
    assert len(study) == 1
    study.optimize(lambda trial: 0.0, 2, target=0.91, progress=False)
    assert len(study) == 3


@pytest.mark.parametrize("workers", [1, 2])
def test_a_running_trial_sees_the_end_of_its_time_at_once(workers):
    def objective(trial):
        import time

        begun = time.monotonic()
        while not trial.should_stop():
            assert time.monotonic() - begun < 20
            time.sleep(0.01)
        return time.monotonic() - begun

    study = new()
    begun = time.monotonic()
    study.optimize(objective, timeout=0.5, workers=workers, progress=False)
    assert time.monotonic() - begun < 10
    assert len(study) == workers
    assert all(t.state == "finished" for t in study.trials)


def test_the_end_of_one_run_does_not_stop_what_is_asked_later():
    study = new()
    study.optimize(lambda trial: 1.0, 1, timeout=0.01, progress=False)
    assert not study.ask().should_stop()


def test_no_trials_and_more_workers_than_trials():
    study = new()
    assert len(study.optimize(lambda trial: 1.0, 0, progress=False)) == 0
    assert len(study.optimize(lambda trial: 1.0, 1, workers=3, progress=False)) == 1
    with pytest.raises(tt.errors.InputError, match="n_trials must be a whole number >= 0, got True"):
        tt.minimize(lambda trial: 1.0, SPACE, True, progress=False)


def test_processes_that_minimize_the_same_study_share_its_number_of_trials(tmp_path):
    script = tmp_path / "tune.py"
    script.write_text(
        textwrap.dedent(
            """
            import sys
            import trimtab as tt

            space = {"x": tt.Float(0.0, 1.0)}
            tt.minimize(lambda t: t["x"], space, 60, storage=sys.argv[1], sampler="random", seed=0, progress=False)
            """
        )
    )
    path = tmp_path / "x.db"
    three = [subprocess.Popen([sys.executable, str(script), str(path)]) for _ in range(3)]
    assert [process.wait(60) for process in three] == [0, 0, 0]
    study = tt.Study.load(path)
    assert [t.number for t in study.trials] == list(range(60))
    assert {t.state for t in study.trials} == {"finished"}


def test_a_lost_trial_is_retried_after_the_grid_was_handed_out(tmp_path):
    def objective(trial, mark=str(tmp_path / "mark")):
        import os
        import time

        if trial["a"] == 2 and not os.path.exists(mark):
            open(mark, "w").close()
            time.sleep(0.3)  # the other worker has the last cell by now
            os._exit(1)
        return trial["a"]

    study = tt.minimize(objective, {"a": [1, 2, 3]}, sampler="grid", workers=2, retries=1, progress=False)
    assert {t.state for t in study.trials} == {"finished"}
    assert len(study) == 3


def test_callbacks_may_run_the_study_and_ask():
    study = new()

    def more(study, trial):
        if len(study) < 6:
            study.optimize(lambda trial: 2.0, 1, progress=False)

    study.optimize(lambda trial: 1.0, 3, callbacks=[more], progress=False)
    assert [t.state for t in study.trials] == ["finished"] * 6


def test_standard_output_in_a_file_stays_there_while_the_bar_is_on_the_terminal(tmp_path):
    pty = pytest.importorskip("pty")
    import os

    script = tmp_path / "tune.py"
    script.write_text(
        textwrap.dedent(
            """
            import sys
            import trimtab as tt

            def objective(trial):
                print("result", trial.number)
                return trial["x"] if trial.number else float("nan")

            tt.minimize(objective, {"x": tt.Float(0.0, 1.0)}, 3, sampler="random", seed=0)
            """
        )
    )
    ours, theirs = pty.openpty()
    with open(tmp_path / "out.txt", "w") as out:
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
        process = subprocess.Popen([sys.executable, str(script)], stdout=out, stderr=theirs, env=environment)
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # how Linux says that the other end was closed
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert process.wait(60) == 0
    assert (tmp_path / "out.txt").read_text() == "result 0\nresult 1\nresult 2\n"
    text = shown.decode()
    assert "3/3" in text
    assert "best 0." in text
    assert "1 failed" in text
    assert "left" in text


def test_nothing_is_shown_and_rich_not_imported_without_a_terminal(tmp_path):
    script = (
        "import sys, trimtab as tt; tt.minimize(lambda t: t['x'], {'x': [1, 2]}, 2, seed=0); "
        "sys.exit('rich' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_target_that_another_process_reached_is_seen(tmp_path):
    study, other = new(storage=tmp_path / "x.db"), new(storage=tmp_path / "x.db")
    other.add_trial({"x": 0.5, "k": 1}, 0.1)
    study.optimize(lambda trial: 1.0, 5, target=0.1, progress=False)
    assert len(study) == 1


def test_the_bar_counts_down_to_the_deadline(monkeypatch):
    from rich.progress import Progress, ProgressColumn

    shown = []

    def look(study, trial):
        (bar,) = bars
        shown.append([column.render(bar.tasks[0]) for column in bar.columns if isinstance(column, ProgressColumn)][-1])

    bars = []
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr(Progress, "start", lambda bar: bars.append(bar))
    new().optimize(lambda trial: 1.0, timeout=100, target=1.0, callbacks=[look])
    assert [str(text) for text in shown] == ["0:01:40"]
