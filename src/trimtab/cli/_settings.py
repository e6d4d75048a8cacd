"""The settings file of `trimtab run`: TOML or YAML, every key known, every error with the name of the file.

    [study]        what to reach and how to search: objectives, limits, sampler, seed, storage, and when to stop
    [space]        one entry a hyperparameter, and `constraints`
    [objective]    command = [...] or function = "module:function"

Paths are relative to the folder that trimtab is called from.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trimtab.cli._settings_space import hashable, space_of
from trimtab.errors import InputError, SpaceError
from trimtab.records import Goals
from trimtab.space import Space

__all__ = ["Settings", "read_settings", "unknown_key"]

_LARGEST = 1_000_000  # bytes; a settings file is written by hand

_STUDY: dict[str, tuple[type, ...]] = {
    "name": (str,),
    "direction": (str,),
    "objectives": (dict, list),
    "outcome_constraints": (list,),
    "sampler": (str,),
    "seed": (int,),
    "storage": (str,),
    "n_trials": (int,),
    "timeout": (int, float),
    "workers": (int,),
    "patience": (int,),
    "target": (int, float),
    "max_regret": (int, float),
    "retries": (int,),
    "repeats": (int,),
    "understand": (int, float),
    "pruner": (str,),
    "deterministic": (bool,),
    "start": (list,),
    "warm_start": (str, list),
}
_OBJECTIVE: dict[str, tuple[type, ...]] = {
    "command": (list, str),
    "function": (str,),
    "value": (str,),
    "timeout": (int, float),
    "shell": (bool,),
    "result": (str,),
}
_WORDS = {
    bool: "true or false",
    str: "a text",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "a table",
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What to tune and how. The fields of [study] mean what they mean in `trimtab.minimize`; n_trials counts all
    trials of the study.

    storage: a path or a URL. warm_start: paths of stored studies. command: arguments with placeholders, or None; with `shell`
    one text for the shell. function: "module:function", or None. value: key of the objective in a line of JSON, where the
    objective has no name. result: path of the file that the command writes its result to, with placeholders, or None.
    trial_timeout: seconds that one command may take, or None. folder: where the file lies (functions are looked for
    there too).
    """

    space: Space
    name: str
    direction: str = "minimize"
    objectives: Mapping[str, str] | Sequence[str] | None = None
    outcome_constraints: Sequence[str] | None = None
    sampler: str = "auto"
    seed: int | None = None
    storage: str
    n_trials: int | None = None
    timeout: float | None = None
    workers: int = 1
    patience: int | None = None
    target: float | None = None
    max_regret: float | None = None
    retries: int = 0
    repeats: int = 1
    understand: float = 0.0
    start: Sequence[Mapping[str, Any]] = ()
    warm_start: Sequence[str] = ()
    pruner: str | None = None
    deterministic: bool = False
    command: tuple[str, ...] | None = None
    shell: bool = False
    function: str | None = None
    value: str = "value"
    result: str | None = None
    trial_timeout: float | None = None
    folder: str = "."


def read_settings(path: Path) -> Settings:
    """The settings in a file. InputError says which key of which table is wrong, and what is expected there."""
    document = _parsed(path)
    try:
        return _settings(document, path)
    except InputError as error:
        raise type(error)(f"{path}: {error}") from None


def unknown_key(key: object, known: Collection[str], where: str) -> InputError:
    """The error for a key that means nothing, with the one that was probably meant."""
    close = difflib.get_close_matches(str(key), known, n=1)
    meant = f" Did you mean {close[0]!r}?" if close else ""
    return InputError(f"{where} has the unknown key {key!r}.{meant} It takes: {', '.join(known)}.")


def _settings(document: Mapping[str, Any], path: Path) -> Settings:
    for key in document:
        if key not in ("study", "space", "objective"):
            raise unknown_key(key, ("study", "space", "objective"), "The file")
    study = _table(document, "study", _STUDY)
    objective = _table(document, "objective", _OBJECTIVE)
    space = document.get("space")
    if not isinstance(space, Mapping) or not space:
        raise InputError(
            "the table [space] is missing or empty. It needs a line for each hyperparameter: "
            'lr = {type = "float", low = 1e-4, high = 1e-1}'
        )
    if "command" in objective and "function" in objective:
        raise InputError("[objective] has both command and function. Keep one of them.")
    shell = objective.get("shell", False)
    if study.get("direction", "minimize") not in ("minimize", "maximize"):
        raise InputError(f"[study] direction must be 'minimize' or 'maximize', got {study['direction']!r}.")
    if "objectives" in study and "value" in objective:
        raise InputError(
            "[objective] value is the key of an objective without a name, and [study] objectives names them. "
            "Remove value."
        )
    try:
        Goals.of(study.get("direction", "minimize"), study.get("objectives"), study.get("outcome_constraints"))
    except InputError as error:
        raise InputError(f"[study] {error}") from None
    made = space_of(space)
    if "start" in study:
        study["start"] = _configurations(study["start"], made)
    if "warm_start" in study:
        study["warm_start"] = _paths(study["warm_start"])
    return Settings(
        **{"name": path.stem, "storage": f"{path.stem}.db", **study},
        space=made,
        command=_words(objective["command"], shell) if "command" in objective else None,
        shell=shell,
        function=objective.get("function"),
        value=objective.get("value", "value"),
        result=objective.get("result"),
        trial_timeout=_positive(objective.get("timeout"), "[objective] timeout"),
        folder=str(path.resolve().parent),
    )


def _table(document: Mapping[str, Any], name: str, known: Mapping[str, tuple[type, ...]]) -> dict[str, Any]:
    """One table of the file, its keys and the kinds of its values checked."""
    table = document.get(name)
    if table is None:
        return {}
    if not isinstance(table, Mapping):
        raise InputError(f"[{name}] must be a table of keys and values, got {table!r}.")
    for key, value in table.items():
        if key not in known:
            raise unknown_key(key, known, f"[{name}]")
        if not isinstance(value, known[key]) or (isinstance(value, bool) and bool not in known[key]):
            expected = " or ".join(_WORDS[kind] for kind in known[key] if kind is not int or float not in known[key])
            raise InputError(f"[{name}] {key} must be {expected}, got {value!r}.")
    return dict(table)


def _words(command: object, shell: bool) -> tuple[str, ...]:
    """A command as separate arguments: a list as it is, a text split as a shell would split it; for the shell the text alone."""
    if shell:
        if not isinstance(command, str) or not command.strip():
            raise InputError(f"[objective] command must be one text where shell = true, got {command!r}.")
        return (command,)
    if isinstance(command, str):
        import shlex

        try:
            words = shlex.split(command)
        except ValueError as error:
            raise InputError(
                f"[objective] command: {error} in {command!r}. Close the quotes, or write a list of arguments."
            ) from None
    else:
        assert isinstance(command, list)
        for word in command:
            if isinstance(word, (list, dict)) or word is None:
                raise InputError(f"[objective] command must be a list of texts, got {word!r} in it.")
        words = [str(word) for word in command]
    if not words:
        raise InputError('[objective] command is empty. For example: command = ["python", "train.py", "--lr", "{lr}"]')
    return tuple(words)


def _configurations(start: Sequence[object], space: Space) -> tuple[dict[str, Any], ...]:
    """Configurations of the space. Error where one is none; a constraint that forbids one is left to the study."""
    made = []
    for i, params in enumerate(start, start=1):
        if not isinstance(params, Mapping):
            raise InputError(f"[study] start must be a list of tables, such as [{{lr = 0.001}}], got {params!r} in it.")
        made.append({name: hashable(value) for name, value in params.items()})
        try:
            space.encode(made[-1:])
        except SpaceError as error:
            raise SpaceError(f"[study] start, configuration {i}: {error}") from None
    return tuple(made)


def _paths(given: str | Sequence[object]) -> tuple[str, ...]:
    """Files of earlier studies: one text, or a list of texts."""
    paths = [given] if isinstance(given, str) else given
    for path in paths:
        if not isinstance(path, str) or not path:
            raise InputError(f'[study] warm_start must name files of studies, such as ["old.db"], got {path!r}.')
    return tuple(map(str, paths))


def _positive(value: float | None, what: str) -> float | None:
    if value is not None and not (value > 0 and math.isfinite(value)):
        raise InputError(f"{what} must be more than 0 seconds, got {value!r}.")
    return value


def _parsed(path: Path) -> Mapping[str, Any]:
    """The file as nested dicts. InputError if it is no file, or not what its ending says."""
    if path.is_dir():
        raise InputError(f"{path} is a folder. Name the settings file in it, such as {path / 'study.toml'}.")
    ending = path.suffix.lower()
    if ending not in (".toml", ".yaml", ".yml"):
        raise InputError(f"{path}: a settings file ends in .toml, .yaml or .yml.")
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError(f"{path} has more than {_LARGEST:,} bytes: that is no settings file.")
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"There is no file {path}. `trimtab run --help` shows one to start from.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no UTF-8 text: {error.reason} at byte {error.start}. Save it as UTF-8.") from None
    if ending == ".toml":
        import tomllib

        try:
            return tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise InputError(f"{path} is no valid TOML: {error}.") from None
    from trimtab.cli._yaml import yaml_document

    return yaml_document(text, str(path))
