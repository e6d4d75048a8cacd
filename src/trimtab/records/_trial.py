"""One trial: a read-only mapping of its parameters, with its number, state and result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

from trimtab.errors import StudyError
from trimtab.records._value import objective_gradient, objective_value

__all__ = ["Channel", "Trial"]


class Channel(Protocol):
    """What a running trial can say and ask."""

    def report(self, number: int, step: float, value: float) -> None: ...
    def should_stop(self, number: int) -> bool: ...


class Trial(Mapping[str, Any]):
    """A configuration to evaluate, or the record of one that was.

    A read-only mapping of its parameters: `MLPClassifier(**trial)` and `trial["alpha"]` work.

    number: rank in the study, from 0.
    params: a dict of the parameters.
    seed: a number below 2^32 for the objective's own randomness, such as torch.manual_seed(trial.seed): it follows from
        the study's seed and the trial's number, stays the same after an interruption, and differs for each repeat of a
        configuration.
    state: "created", "running", "finished", "pruned" or "failed".
    value: the objective, None while there is none, and where the study has several: they are in `outcomes`.
    outcomes: a read-only mapping from names to numbers: every objective, and whatever else the objective returned.
    seconds: time of the evaluation, NaN while there is none.
    error: traceback of a failure.
    reports: {step: value}, the intermediate values.
    gradient: a read-only mapping from parameters to derivatives of the (first) objective, as reported.
    numeric: the parameters that may have one: the numbers that are searched and exist in this configuration.
    """

    __slots__ = (
        "_channel", "_params", "error", "gradient", "number", "numeric", "outcomes", "reports", "seconds", "seed", "state", "value"
    )  # fmt: skip

    def __init__(
        self,
        number: int,
        params: Mapping[str, Any],
        *,
        seed: int = 0,
        state: str = "running",
        value: float | None = None,
        seconds: float = float("nan"),
        error: str | None = None,
        reports: Mapping[float, float] | None = None,
        outcomes: Mapping[str, float] | None = None,
        gradient: Mapping[str, float] | None = None,
        numeric: Sequence[str] = (),
        channel: Channel | None = None,
    ) -> None:
        self.number = number
        self._params = dict(params)
        self.seed = seed
        self.state = state
        self.value = value
        self.seconds = seconds
        self.error = error
        self.reports: Mapping[float, float] = MappingProxyType(dict(reports or {}))
        self.outcomes: Mapping[str, float] = MappingProxyType(dict(outcomes or {}))
        self.gradient: Mapping[str, float] = MappingProxyType(dict(gradient or {}))
        self.numeric = tuple(numeric)
        self._channel = channel

    @property
    def params(self) -> dict[str, Any]:
        """The parameters as a dict of its own: changing it changes nothing here."""
        return dict(self._params)

    def report(self, value: float, step: float) -> None:
        """Record an intermediate value, such as the loss after an epoch.

        Raises ObjectiveError where one of them is no real number, StudyError where the trial does not run.
        """
        channel = self._running("report()")
        at = objective_value(step, "step= of report()")
        channel.report(self.number, at, objective_value(value, "value= of report()"))

    def report_gradient(self, gradient: Mapping[str, float]) -> None:
        """Record derivatives of the objective by its parameters, such as hypergradients: {"lr": d loss / d lr, ...}.

        In the objective's own sign and units, for one unit of the parameter's value (of lr, not of log lr); of several
        objectives, of the first. Any of the parameters may be left out. They are stored with the trial's result; a second
        call adds to the first. The Gaussian-process search and the sensitivity analyses learn from them.
        Raises ObjectiveError for a parameter that is unknown, inactive, or no number that is searched, and for a derivative
        that is no real number; InputError for one that is not finite; StudyError where the trial does not run.
        """
        self._running("report_gradient()")
        more = objective_gradient(gradient, self.numeric, self._params, f"report_gradient() of trial {self.number}")
        self.gradient = MappingProxyType({**self.gradient, **more})

    def should_stop(self) -> bool:
        """Whether to give up early: the pruner says so, the study's time is over or it was asked to stop, or the trial is
        another process's by now.

        Where it is true, return the value reached so far, or raise trimtab.TrialPruned.
        """
        return self._channel is not None and self._channel.should_stop(self.number)

    def _running(self, call: str) -> Channel:
        if self._channel is None:
            raise StudyError(
                f"Trial {self.number} is {self.state}; only a running trial can report. Call {call} inside the objective."
            )
        return self._channel

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy for another process is a record: it has no channel to the study."""
        settings = {name: getattr(self, name) for name in ("seed", "state", "value", "seconds", "error")}
        return _record, (
            self.number,
            self._params,
            {
                **settings,
                "reports": dict(self.reports),
                "outcomes": dict(self.outcomes),
                "gradient": dict(self.gradient),
                "numeric": self.numeric,
            },
        )

    def __getitem__(self, name: str) -> Any:
        return self._params[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._params)

    def __len__(self) -> int:
        return len(self._params)

    def __repr__(self) -> str:
        value = "" if self.value is None else f", value={self.value:.6g}"
        if self.value is None and self.outcomes:
            value = ", outcomes={" + ", ".join(f"{k!r}: {v:.6g}" for k, v in self.outcomes.items()) + "}"
        return f"Trial({self.number}, {self._params!r}, state={self.state!r}{value})"


def _record(number: int, params: Mapping[str, Any], settings: Mapping[str, Any]) -> Trial:
    return Trial(number, params, **settings)
