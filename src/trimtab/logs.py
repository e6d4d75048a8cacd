"""What happens in a study, as records of the standard `logging` module, under the logger "trimtab".

Silent until the program sets logging up, such as by `logging.basicConfig(level="INFO")`. Each record has a fixed message, filled
in from these fields, which it also carries as attributes for handlers and formatters that want data instead of text:

    event     what happened, one of `EVENTS`            study    name of the study
    trial     number of the trial                       value    of the (first) objective, the user's own sign
    seconds   of the trial, or that passed              reason   why: an error's last line, a limit, what a connection said

What does not belong to an event is None. Passwords in storage addresses are masked, and control characters are escaped in the
message, so that a hostile name cannot forge a line.
"""

from __future__ import annotations

import json
import logging
import math
import re
from typing import Final

__all__ = ["EVENTS", "JSONFormatter", "log_event"]

_LOGGER = logging.getLogger("trimtab")
_LOGGER.addHandler(logging.NullHandler())

FIELDS: Final = ("study", "trial", "value", "seconds", "reason")
EVENTS: Final[dict[str, tuple[int, str]]] = {  # level and message of each
    "study_opened": (logging.INFO, "study %(study)s opened: %(reason)s"),
    "study_stopped": (logging.INFO, "study %(study)s stopped after %(seconds)s s: %(reason)s"),
    "trial_started": (logging.DEBUG, "study %(study)s: trial %(trial)s started"),
    "trial_finished": (logging.INFO, "study %(study)s: trial %(trial)s finished with %(value)s after %(seconds)s s"),
    "trial_pruned": (logging.INFO, "study %(study)s: trial %(trial)s pruned at %(value)s after %(seconds)s s"),
    "trial_failed": (logging.WARNING, "study %(study)s: trial %(trial)s failed after %(seconds)s s: %(reason)s"),
    "trial_lost": (logging.WARNING, "study %(study)s: trial %(trial)s lost its process and waits again: %(reason)s"),
    "trial_given_up": (logging.WARNING, "study %(study)s: trial %(trial)s lost its process too often: %(reason)s"),
    "conflict": (logging.DEBUG, "study %(study)s: another process was first, deciding again: %(reason)s"),
    "connection_lost": (logging.WARNING, "no connection to the storage %(reason)s"),
    "connection_back": (logging.INFO, "the connection to the storage is back after %(seconds)s s"),
}

_USER_INFO = re.compile(r"(?<=://)[^\s/]*@")
_PASSWORD = re.compile(r"(?i)(password|passwd|pwd)(\s*[=:]\s*)('(?:[^'\\]|\\.)*'|[^\s&,;]+)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_LONGEST = 500  # characters of a field


def log_event(
    event: str,
    study: str | None = None,
    trial: int | None = None,
    *,
    value: float | None = None,
    seconds: float | None = None,
    reason: str | None = None,
) -> None:
    """Log one of `EVENTS`. Costs next to nothing where nobody listens. reason: a text of many lines counts by its last one."""
    level, message = EVENTS[event]
    if not _LOGGER.isEnabledFor(level):
        return
    fields = {
        "study": None if study is None else _masked(study),
        "trial": trial,
        "value": value,
        "seconds": seconds,
        "reason": None if reason is None else _masked(reason.strip().rsplit("\n", 1)[-1]),
    }
    _LOGGER.log(
        level, message, {k: _shown(v) for k, v in fields.items()}, extra={"event": event, **fields}, stacklevel=2
    )


class JSONFormatter(logging.Formatter):
    """One JSON object a line: at (seconds since 1970), level, message, and the fields that the event has."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line = {"at": round(record.created, 6), "level": record.levelname, "logger": record.name}
        line |= {name: _plain(getattr(record, name, None)) for name in ("event", *FIELDS)}
        line["message"] = record.getMessage()
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps({name: value for name, value in line.items() if value is not None})


def _masked(text: str) -> str:
    """Without the passwords of addresses and connection texts, and not endless."""
    text = _PASSWORD.sub(r"\1\2***", _USER_INFO.sub("***@", text))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _shown(field: object) -> str:
    if isinstance(field, float):
        return f"{field:.6g}"
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), str(field))


def _plain(field: object) -> object:
    """JSON has no NaN and no infinities."""
    return str(field) if isinstance(field, float) and not math.isfinite(field) else field
