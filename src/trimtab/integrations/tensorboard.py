"""Trials as runs of TensorBoard: a session of its HPARAMS page each, with outcomes and learning curves as scalars.

    from trimtab.integrations.tensorboard import TensorBoard

    study.optimize(objective, n_trials=50, callbacks=[TensorBoard("runs")])     each trial as it ends
    TensorBoard("runs").export_study(study)                                     all ended trials that are not there yet
    # then: tensorboard --logdir runs

The files are written by the package tensorboard, which reads them too; TensorFlow is not needed. A run is a folder
runs/<study>/trial-<number>, written aside and put there whole. State and error are texts of the run.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trimtab.errors import require
from trimtab.integrations._exported import Exported, exported, or_warn
from trimtab.records import FINISHED, STATES, Trial
from trimtab.study import Study

__all__ = ["TensorBoard"]

_ALLOWED = r"A-Za-z0-9_.\-/ "
_MOST_ERROR = 20_000


@dataclass(frozen=True)
class TensorBoard:
    """A callback for `optimize`, and a way to export a study afterwards.

    folder: what `tensorboard --logdir` is given; made where it does not exist.
    As a callback it never ends a study: where the folder cannot be written it warns, and `export_study` writes what is missing.
    """

    folder: str | os.PathLike[str]

    def __post_init__(self) -> None:
        require("tensorboard", "tensorboard")

    def __call__(self, study: Study, trial: Trial) -> None:
        """Write one trial."""
        or_warn(
            lambda: self._write(study, trial),
            f"Trial {trial.number} of study {study.name!r} in TensorBoard's folder",
            "TensorBoard(folder).export_study(study)",
        )

    def export_study(self, study: Study) -> int:
        """Write the ended trials that the folder does not have yet; how many these were."""
        ended = [trial for trial in study.trials if trial.state in STATES[FINISHED:]]
        return sum(self._write(study, trial) for trial in ended)

    def _write(self, study: Study, trial: Trial) -> bool:
        """Whether the trial was written now."""
        home = Path(self.folder) / folder_name(study.name)
        run = home / f"trial-{trial.number:05d}"
        if run.exists():
            return False
        draft = home / f".trial-{trial.number}-{secrets.token_hex(4)}"
        _write_events(draft, exported(study, trial, _ALLOWED))
        os.replace(draft, run)
        return True


def folder_name(study: str) -> str:
    """A study's name as a folder: one that needs other characters gets some of its hash, so that no two are one."""
    safe = re.sub(r"[^A-Za-z0-9_.\-]", "_", study)[:80]
    if safe == study and safe.strip("."):
        return safe
    return f"{safe.strip('.')}-{hashlib.blake2b(study.encode('utf-8', 'surrogatepass'), digest_size=4).hexdigest()}"


def _write_events(folder: Path, plain: Exported) -> None:
    """One event file: the session, the scalars, the texts, the session's end."""
    files = require("tensorboard.summary.writer.event_file_writer", "tensorboard")
    hparams = require("tensorboard.plugins.hparams.summary_v2", "tensorboard")
    texts = require("tensorboard.plugins.text.summary_v2", "tensorboard")
    now = time.time()
    begun = now - plain.seconds if plain.seconds == plain.seconds else now
    writer = files.EventFileWriter(str(folder))
    try:
        add = _Adder(writer)
        add(hparams.hparams_pb(plain.params, trial_id=str(plain.number), start_time_secs=begun), begun)
        for name, value in plain.metrics.items():
            add.scalar(name, value, 0, now)
        for step, value in plain.curve:
            add.scalar(plain.curve_name, value, step, now)
        add(texts.text_pb("state", plain.state), now)
        if plain.error:
            add(texts.text_pb("error", f"    {plain.error[-_MOST_ERROR:]}".replace("\n", "\n    ")), now)  # as code
        add.session_end(plain.state != "failed", now)
    finally:
        writer.close()


class _Adder:
    """Adds summaries to an event file."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer
        self._event = require("tensorboard.compat.proto.event_pb2", "tensorboard").Event
        self._summary = require("tensorboard.compat.proto.summary_pb2", "tensorboard").Summary

    def __call__(self, summary: Any, at: float, step: int = 0) -> None:
        self._writer.add_event(self._event(wall_time=at, step=step, summary=summary))

    def session_end(self, succeeded: bool, at: float) -> None:
        """As `tensorboard.plugins.hparams.summary.session_end_pb`, which needs TensorFlow."""
        plugin = require("tensorboard.plugins.hparams.plugin_data_pb2", "tensorboard")
        status = require("tensorboard.plugins.hparams.api_pb2", "tensorboard").Status
        metadata = require("tensorboard.plugins.hparams.metadata", "tensorboard")
        end = plugin.SessionEndInfo(
            status=status.STATUS_SUCCESS if succeeded else status.STATUS_FAILURE, end_time_secs=at
        )
        about = metadata.create_summary_metadata(plugin.HParamsPluginData(session_end_info=end))
        tag, nothing = metadata.SESSION_END_INFO_TAG, metadata.NULL_TENSOR
        self(self._summary(value=[self._summary.Value(tag=tag, metadata=about, tensor=nothing)]), at)

    def scalar(self, tag: str, value: float, step: int, at: float) -> None:
        self(self._summary(value=[self._summary.Value(tag=tag, simple_value=value)]), at, step)
