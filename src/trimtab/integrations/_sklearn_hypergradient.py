"""hypergradient: d validation loss / d hyperparameter of an MLPClassifier or MLPRegressor, through its whole training.

One training goes  Problem (what is the same in all) -> fit (scikit-learn's own, step by step, with derivatives) -> judge -> Trained,
and `trimtab.sensitivity.hypergradient` asks for as many trainings as its check needs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from trimtab.errors import InputError, StudyError
from trimtab.integrations._sklearn_mlp_lbfgs import alpha_gradient, converge
from trimtab.integrations._sklearn_mlp_problem import Problem
from trimtab.integrations._sklearn_mlp_training import Fit, fit
from trimtab.sensitivity import Hypergradient, Trained
from trimtab.sensitivity import hypergradient as checked

__all__ = ["hypergradient"]

ADAM = ("alpha", "learning_rate_init", "beta_1", "beta_2", "epsilon")
SGD = ("alpha", "learning_rate_init", "momentum")
NAMES = {"adam": ADAM, "sgd": SGD, "lbfgs": ("alpha",)}
STOPPING = ("tol", "validation_fraction", "n_iter_no_change")
KINKED_STEP = 0.1  # of finite differences for relu: smaller ones show single kinks, larger ones the slope over many
SAME = 1e-8  # relative difference of weights up to which the replica is scikit-learn's own training


def hypergradient(
    estimator: Any,
    X_train: Any,
    y_train: Any,
    X_valid: Any,
    y_valid: Any,
    wrt: Sequence[str] | None = None,
    *,
    metric: str | None = None,
    log: Collection[str] | None = None,
    check: str = "cheap",
    seeds: Sequence[int] | None = None,
    step: float | None = None,
    tolerance: float = 0.05,
) -> Hypergradient:
    """How the validation loss of an MLPClassifier or MLPRegressor changes with its hyperparameters, by differentiating its training.

    Answers "should alpha, or the learning rate, be larger or smaller than here, and what would that bring?" by one training and its check,
    however many hyperparameters are asked for. The training is scikit-learn's own, done again step by step in NumPy and differentiated
    in forward mode. It holds near these values, and says nothing of far ones.

    estimator   an MLPClassifier or MLPRegressor; it is not fitted, and an earlier fit is not looked at
    X_train, y_train, X_valid, y_valid   dense data; scale it as for fit. float32 is trained on as float64, so that differences have digits
    wrt         of alpha, learning_rate_init; with solver="adam" beta_1, beta_2, epsilon; with "sgd" momentum, and power_t with
                learning_rate="invscaling"; with "lbfgs" alpha alone. None: all of them
    metric      what is judged on the validation set. "log_loss", for classifiers: mean -log(probability of the true class), for several
                labels the sum of theirs. "squared_error": half the mean squared error, scikit-learn's own loss of regressors; for
                classifiers that of the probabilities. None: "log_loss" for a classifier, "squared_error" for a regressor
    seeds       values of random_state, each a training; None: the estimator's random_state, which must then be a whole number
    log, check, step, tolerance   as in `trimtab.sensitivity.hypergradient`; step=None is 0.1 for activation="relu", whose training jumps
                a little wherever a unit switches, so that only larger steps show the slope. check="complete" also runs scikit-learn's
                fit once, and raises StudyError where its weights are not those of the step-by-step training to 1e-8

    The epoch at which training stops, and the epoch that early_stopping=True goes back to, are held fixed in the gradient: where a
    small step changes them, the result jumps, and the finite differences of the check show it. With solver="lbfgs" scikit-learn's
    fit is carried on until the gradient of the training loss vanishes, the validation loss is taken there, and the derivative is that
    of the minimum (implicit function theorem). The notes say how far it got.

    Raises InputError for what has no derivative or is not reproduced, by name and with what to use instead; scikit-learn's own errors
    for data and values that it refuses. Sources: Franceschi et al. 2017 (arXiv:1703.01785); Lorraine et al. 2020 (arXiv:1911.02590).
    """
    problem = Problem.of(estimator, X_train, y_train, X_valid, y_valid, metric)
    if step is None and problem.network.activation == "relu":
        step = KINKED_STEP
    names = _names(problem.settings, wrt)
    at = {name: float(problem.settings[name]) for name in _differentiable(problem.settings)}
    training = _Training(problem, confirm=check == "complete")
    result = checked(
        training,
        at,
        wrt=names,
        log=log,
        check=check,
        seeds=_seeds(problem.settings, seeds),
        step=step,
        tolerance=tolerance,
    )
    return replace(result, notes=(*result.notes, *training.notes))


class _Training:
    """train(params, seed, wrt) of one problem. notes: sentences about what the trainings with a gradient did.

    confirm: whether the first training with a gradient is compared with scikit-learn's own.
    """

    def __init__(self, problem: Problem, confirm: bool) -> None:
        self._problem = problem
        self._confirm = confirm
        self.notes: list[str] = []

    def __call__(self, params: Mapping[str, float], seed: int, wrt: tuple[str, ...]) -> Trained:
        if self._problem.settings["solver"] == "lbfgs":
            return self._converged(params["alpha"], seed, wrt)
        problem = self._problem
        done = fit(problem.network, problem.x, problem.y, {**problem.settings, **params}, seed, wrt)
        value, slope = problem.judge(done.weights)
        if not wrt:
            return Trained(value)
        if self._confirm and np.isfinite(done.weights).all():
            self._confirm = False
            self._same(done, params, seed)
        if not self.notes:
            self.notes.append(_told(problem.settings, done))
        with np.errstate(over="ignore", invalid="ignore"):
            gradient = done.weights_dot @ slope
        tangent = {name: done.growth[:, k] for k, name in enumerate(wrt)}
        return Trained(value, dict(zip(wrt, gradient.tolist(), strict=True)), tangent)

    def _converged(self, alpha: float, seed: int, wrt: tuple[str, ...]) -> Trained:
        end = converge(self._problem, alpha, seed)
        if not wrt:
            return Trained(self._problem.judge(end.weights)[0])
        value, gradient, residual, rho = alpha_gradient(self._problem, alpha, end.weights)
        self.notes.append(
            f"lbfgs, seed {seed}: scikit-learn stopped where the gradient of the training loss has norm {end.before:.2g}; carried on to "
            f"{end.after:.2g}. Implicit differentiation left a relative residual of {residual:.1g}"
            + (f", with {rho:.1g} added to the Hessian's diagonal." if rho else ".")
        )
        return Trained(value, {"alpha": gradient})

    def _same(self, done: Fit, params: Mapping[str, float], seed: int) -> None:
        """Raise StudyError where scikit-learn's own fit ends elsewhere."""
        import sklearn

        real = self._problem.real_fit(params, seed)
        layers = done.layers()
        pairs = list(zip([*layers.w, *layers.b], [*real.coefs_, *real.intercepts_], strict=True))
        apart = max(float(np.max(np.abs(ours - theirs))) for ours, theirs in pairs)
        size = max(1.0, *(float(np.max(np.abs(theirs))) for _, theirs in pairs))
        if not apart <= SAME * size or len(done.loss_curve) != len(real.loss_curve_):
            raise StudyError(
                f"scikit-learn {sklearn.__version__} ends {len(real.loss_curve_)} epochs of {type(real).__name__} with weights that differ "
                f"by {apart:.2g} from those of the step-by-step training ({len(done.loss_curve)} epochs), where {SAME * size:.0e} is "
                "allowed. Either this training is so chaotic that rounding changes it (lower learning_rate_init), or this version or a "
                "subclass trains in another way: use trimtab.sensitivity.finite_difference."
            )


def _told(settings: Mapping[str, Any], done: Fit) -> str:
    epochs = f"Trained for {len(done.loss_curve)} epochs"
    if settings["early_stopping"]:
        return f"{epochs}, of which the best one, {done.kept}, was kept; the gradient holds that choice fixed."
    return f"{epochs} ({len(done.growth)} steps); the gradient holds that number fixed."


def _differentiable(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Names that have a derivative with these settings."""
    scaled = settings["solver"] == "sgd" and settings["learning_rate"] == "invscaling"
    return (*NAMES[settings["solver"]], *(("power_t",) if scaled else ()))


def _names(settings: Mapping[str, Any], wrt: Sequence[str] | None) -> tuple[str, ...]:
    able = _differentiable(settings)
    if isinstance(wrt, str):
        raise InputError(f"wrt must be a sequence of names, got the text {wrt!r}. Write wrt=[{wrt!r}].")
    for name in () if wrt is None else wrt:
        if name not in able:
            raise InputError(
                f"wrt has {name!r}, {_why_not(settings, name)} With these settings wrt can have {', '.join(able)}."
            )
    return able if wrt is None else tuple(wrt)


def _why_not(settings: Mapping[str, Any], name: str) -> str:
    solver = settings["solver"]
    others = "Use trimtab.sensitivity.finite_difference for numbers, and one_at_a_time for choices."
    if name in STOPPING:
        return f"which only decides when training stops, or on what: the result jumps, and has no derivative. {others}"
    if name in ("learning_rate_init", "power_t") and solver == "lbfgs":
        return "which solver='lbfgs' does not use: the minimum does not depend on the way there."
    if name == "power_t":
        return "which is used only with solver='sgd' and learning_rate='invscaling'."
    if name in (*ADAM, *SGD):
        return f"which solver={solver!r} does not use."
    if name == "learning_rate":
        return "which names a schedule. Its number is 'learning_rate_init'."
    if name in settings:
        return f"which is {settings[name]!r} here and not continuous, so it has no derivative. {others}"
    if name == "sample_weight":
        return "and trainings with sample weights are not differentiated. Use trimtab.sensitivity.finite_difference."
    return "which is no hyperparameter of it."


def _seeds(settings: Mapping[str, Any], seeds: Sequence[int] | None) -> Sequence[int]:
    if seeds is not None:
        return seeds
    state = settings["random_state"]
    if isinstance(state, bool) or not isinstance(state, int | np.integer):
        raise InputError(
            f"random_state must be a whole number, since the same training is run several times, got {state!r}. "
            "Set random_state=0, or give seeds=(0,)."
        )
    return (int(state),)
