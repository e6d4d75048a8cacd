"""A study as a file for other programs: CSV and Parquet (a row a trial), JSON lines (the whole log, see storage._lines).

CSV is made to survive spreadsheets and strangers' names. Numbers are written so that they read back exactly. In texts
(names, errors, choices) backslashes, line breaks, other control characters and lone surrogates are written as in Python
(\\n, \\x1b, \\ud800), and a text that a spreadsheet would run as a formula, because it begins with = + - or @, gets an
apostrophe before it. What must come back exactly is exported as JSON lines.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trimtab.errors import InputError, StorageError, require
from trimtab.records import Created, Finished, Started
from trimtab.storage import lines_of
from trimtab.study._frame import columns_of

if TYPE_CHECKING:
    from trimtab.study._results import Results

__all__ = ["FORMATS", "export_text", "format_of", "write_export"]

FORMATS = ("csv", "parquet", "jsonl")
_FORMULA = ("=", "+", "-", "@")


def format_of(path: str | os.PathLike[str], wanted: str | None) -> str:
    """The format that is wanted, else the one of the file's ending. InputError for another."""
    found = wanted if wanted is not None else Path(path).suffix.lower().removeprefix(".")
    if found not in FORMATS:
        remedy = "Give format=, or a path that ends in .csv, .parquet or .jsonl."
        raise InputError(f"A study is exported as {', '.join(FORMATS)}, got {found!r}. {remedy}")
    return found


def write_export(study: Results, path: str | os.PathLike[str], form: str) -> Path:
    """Write the file. An old one stays until the new one is complete. StorageError where it cannot be written."""
    target = Path(os.path.realpath(path))
    draft = target.with_name(f".{target.name[:100]}.{secrets.token_hex(6)}.tmp")
    table = _table(study) if form == "parquet" else None
    try:
        try:
            if table is not None:
                require("pyarrow.parquet", "parquet").write_table(table, draft)
            else:
                with open(draft, "x", encoding="utf-8", newline="") as file:
                    file.writelines(export_text(study, form))
            os.replace(draft, target)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"The export cannot be written to {os.fspath(path)!r}: {error.strerror or error}. Give another path."
        ) from error
    return Path(path)


def export_text(study: Results, form: str) -> Iterable[str]:
    """The file in pieces, for csv and jsonl."""
    if form == "jsonl":
        return (f"{line}\n" for line in lines_of(study.name, study.storage.read(study.name)[0]))
    columns = _columns(study)
    rows = zip(*columns.values(), strict=True)
    return (_csv_line(row) for row in [list(columns), *rows])


def _columns(study: Results) -> dict[str, list[Any]]:
    """The columns of `columns_of`, and when each trial was created, last started and finished."""
    trials = study.trials
    times: dict[str, dict[int, datetime]] = {"created": {}, "started": {}, "finished": {}}
    for event in study.storage.read(study.name)[0]:
        if isinstance(event, (Created, Started, Finished)):
            times[event.kind][event.number] = _time(event.at)
    columns = columns_of(trials, list(dict.fromkeys(name for trial in trials for name in trial)))
    for kind, at in times.items():
        name = next(name for k in range(len(columns) + 1) if (name := "time_" * k + kind) not in columns)
        columns[name] = [at.get(t.number) for t in trials]
    return columns


def _time(at: float) -> datetime:
    try:
        return datetime.fromtimestamp(at, UTC)
    except (ValueError, OverflowError, OSError):  # of a clock that was wrong
        return datetime.fromtimestamp(0, UTC)


def _csv_line(cells: Iterable[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow([_cell(cell) for cell in cells])
    return text.getvalue()


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, (bool, int, float)):
        return json.dumps(value) if isinstance(value, bool) else repr(value)
    text = _visible(value if isinstance(value, str) else _json(value))
    return f"'{text}" if text.startswith(_FORMULA) else text


def _visible(text: str) -> str:
    """Backslashes and what cannot be seen, written as in Python."""
    return "".join(c if c.isprintable() and c != "\\" else c.encode("unicode_escape").decode("ascii") for c in text)


def _json(value: object) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)


def _table(study: Results) -> Any:
    """A table of pyarrow: numbers, texts and booleans as such, anything else and mixtures as JSON."""
    pyarrow = require("pyarrow", "parquet")
    columns = _columns(study)
    return pyarrow.table({_whole(name): pyarrow.array(*_typed(pyarrow, cells)) for name, cells in columns.items()})


def _whole(text: str) -> str:
    """As UTF-8 can hold it: lone surrogates written out."""
    return text.encode(errors="backslashreplace").decode()


def _typed(pyarrow: Any, cells: list[Any]) -> tuple[list[Any], Any]:
    kinds = {type(cell) for cell in cells if cell is not None}
    types: Mapping[Any, Any] = {
        bool: pyarrow.bool_(),
        float: pyarrow.float64(),
        datetime: pyarrow.timestamp("us", "UTC"),
    }
    if kinds == {int} and all(cell is None or -(2**63) <= cell < 2**63 for cell in cells):
        return cells, pyarrow.int64()
    if len(kinds) == 1 and (known := types.get(next(iter(kinds)))) is not None:
        return cells, known
    if kinds <= {str}:
        return [None if c is None else _whole(c) for c in cells], pyarrow.string()
    if kinds == {int, float}:
        return [None if c is None else float(c) for c in cells], pyarrow.float64()
    return [None if c is None else _whole(_json(c)) for c in cells], pyarrow.string()
