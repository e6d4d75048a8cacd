"""TensorBoard: what was written is read back by its own reader."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import trimtab as tt
from trimtab.integrations.tensorboard import TensorBoard, folder_name

pytest.importorskip("tensorboard", reason="tensorboard is not installed")

SPACE = {"lr": tt.Float(1e-4, 1.0, log=True), "act": ["relu", "tanh"], "layers": tt.Categorical([(50,), (100, 50)])}


def objective(trial):
    for epoch in range(3):
        trial.report(1.0 / (epoch + 1), epoch)
    if trial.number == 1:
        raise ValueError("diverged\nat <b>epoch</b> 3")
    if trial.number == 2:
        raise tt.TrialPruned
    return {"value": 0.25, "accuracy": 0.5}


def studied(**settings):
    return tt.Study(SPACE, sampler="random", seed=0, **settings)


def read(folder: Path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def session(events):
    """Start and end of the run's session, as the HPARAMS page reads them."""
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    read = [HParamsPluginData.FromString(content) for content in events.PluginTagToContent("hparams").values()]
    start = next(data.session_start_info for data in read if data.HasField("session_start_info"))
    return start, next(data.session_end_info for data in read if data.HasField("session_end_info"))


def text(events, tag):
    return events.Tensors(tag)[0].tensor_proto.string_val[0].decode()


def test_each_trial_is_a_run_with_parameters_outcomes_curve_and_state(tmp_path):
    study = studied(name="digits")
    study.optimize(objective, n_trials=3, progress=False, callbacks=[TensorBoard(tmp_path)])
    runs = sorted((tmp_path / "digits").iterdir())

    assert [run.name for run in runs] == ["trial-00000", "trial-00001", "trial-00002"]
    for run, trial, state, status in zip(runs, study.trials, ["finished", "failed", "pruned"], [1, 2, 1], strict=True):
        events = read(run)
        start, end = session(events)
        told = {name: value.number_value or value.string_value for name, value in start.hparams.items()}
        assert told == {"lr": trial["lr"], "act": trial["act"], "layers": str(trial["layers"])}
        assert [(e.step, e.value) for e in events.Scalars("reported")] == [
            (0, 1.0),
            (1, 0.5),
            (2, pytest.approx(1 / 3)),
        ]
        assert text(events, "state") == state == trial.state
        assert end.status == status
        assert end.end_time_secs - start.start_time_secs == pytest.approx(trial.seconds, abs=1e-3)
        assert start.start_time_secs > 1e9
    first, failed = read(runs[0]), read(runs[1])
    assert first.Scalars("value")[0].value == 0.25
    assert first.Scalars("accuracy")[0].value == 0.5
    assert "value" not in failed.Tags()["scalars"]
    assert "    ValueError: diverged\n    at <b>epoch</b> 3" in text(failed, "error")


def test_a_finished_study_is_exported_once(tmp_path):
    study = studied()
    study.optimize(objective, n_trials=3, progress=False)
    study.ask()
    board = TensorBoard(tmp_path)

    assert board.export_study(study) == 3
    assert board.export_study(study) == 0
    assert len(list((tmp_path / "study").iterdir())) == 3


def test_a_folder_that_cannot_be_written_ends_no_study(tmp_path):
    (tmp_path / "runs").write_text("a file")
    study = studied()
    with pytest.warns(RuntimeWarning, match="Trial 0 of study 'study' in TensorBoard's folder was not written"):
        study.optimize(objective, n_trials=1, progress=False, callbacks=[TensorBoard(tmp_path / "runs")])

    assert study.best.value == 0.25


@pytest.mark.parametrize("name", ["../../etc", "a/b", "a b", "..", ".", "ä" * 200, "\x00", "\ud800"])
def test_hostile_study_names_stay_inside_the_folder_and_apart(tmp_path, name):
    folder = folder_name(name)

    assert Path(os.path.normpath(tmp_path / folder)).parent == tmp_path
    assert folder not in (folder_name(name + "x"), ".", "..", name)
    assert folder_name("digits_2.v-3") == "digits_2.v-3"
