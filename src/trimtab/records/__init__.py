"""Records: what happened (events), what it amounts to (the table), and one trial at a time."""

from trimtab.records._check import LogCheck, check_settings
from trimtab.records._curves import Curve
from trimtab.records._events import (
    Created,
    Event,
    Finished,
    Opened,
    Released,
    Reported,
    Started,
    event_body,
    event_from_row,
    event_key,
)
from trimtab.records._fold import Fold
from trimtab.records._goals import DIRECTIONS, VALUE, Goals, Limit
from trimtab.records._table import (
    CREATED,
    FAILED,
    FINISHED,
    PRUNED,
    RUNNING,
    STATES,
    TrialTable,
    table_of,
)
from trimtab.records._trial import Channel, Trial
from trimtab.records._value import objective_gradient, objective_outcomes, objective_value

__all__ = [
    "CREATED",
    "DIRECTIONS",
    "FAILED",
    "FINISHED",
    "PRUNED",
    "RUNNING",
    "STATES",
    "VALUE",
    "Channel",
    "Created",
    "Curve",
    "Event",
    "Finished",
    "Fold",
    "Goals",
    "Limit",
    "LogCheck",
    "Opened",
    "Released",
    "Reported",
    "Started",
    "Trial",
    "TrialTable",
    "check_settings",
    "event_body",
    "event_from_row",
    "event_key",
    "objective_gradient",
    "objective_outcomes",
    "objective_value",
    "table_of",
]
