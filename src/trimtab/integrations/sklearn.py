"""SearchCV: a study as a scikit-learn estimator, in the place of GridSearchCV and RandomizedSearchCV; and `hypergradient`.

    space = {"alpha": tt.Float(1e-6, 1e-1, log=True), "activation": ["relu", "tanh"]}
    search = SearchCV(MLPClassifier(), space, cv=3, random_state=0)
    search.fit(X, y).score(X_test, y_test)
    search.study_.sensitivity()

One candidate goes  study.ask -> Folds -> scikit-learn's own cross-validation -> study.tell (see `_sklearn_folds`).
Everything that is about estimators (scoring, splitting, metadata routing, refitting, delegation) is inherited from
scikit-learn's BaseSearchCV, so it behaves as it does there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np

from trimtab import samplers
from trimtab._version import __version__
from trimtab.errors import Conflict, InputError, MissingExtra
from trimtab.integrations._sklearn_folds import Folds, Row, SameSplits
from trimtab.integrations._sklearn_hypergradient import hypergradient
from trimtab.records import Event, Opened
from trimtab.space import Space
from trimtab.storage import Memory, Storage, open_storage
from trimtab.study import Study

try:
    from joblib import effective_n_jobs
    from sklearn.model_selection._search import BaseSearchCV
    from sklearn.utils import check_random_state
except ImportError as error:
    raise MissingExtra(
        f"SearchCV needs scikit-learn 1.4 or later, which cannot be imported ({error}). "
        "Install it with: python -m pip install 'scikit-learn>=1.4'"
    ) from error

__all__ = ["SearchCV", "hypergradient"]

_DO_NOT_LEARN = (samplers.Grid, samplers.Random, samplers.Sobol)


class SearchCV(BaseSearchCV):  # type: ignore[misc]
    """Search an estimator's hyperparameters by cross-validation with a trimtab study.

    estimator: any scikit-learn estimator or pipeline (names like "clf__alpha").
    space: a trimtab Space, or the dict or list of dicts that GridSearchCV and RandomizedSearchCV take.
    sampler: "auto", "gp", "tpe", "cmaes", "sobol", "random", "grid", or a sampler object. "grid" tries every combination,
        whatever n_trials says.
    n_trials: candidates to evaluate; fewer where a finite space has fewer. None: until timeout or patience is reached.
    cv, scoring, refit, error_score, return_train_score, verbose: as in GridSearchCV. Every candidate sees the same
        splits, also where cv shuffles afresh on each call. With several metrics the one that refit names is maximised,
        else the first one of scoring.
    n_jobs: fits at once. The folds of one candidate run side by side. A sampler that learns is asked for several
        candidates at a time only where n_jobs is at least twice the number of folds; up to there its proposals, and so
        the result, do not depend on n_jobs. "grid", "random" and "sobol" do not learn: they fill all jobs in any case
        (with patience or understand they follow the rule of the others).
    random_state: an int gives the same search again, if the estimator is deterministic too. From a RandomState, or from
        numpy's global one (None), a seed is drawn at each fit.
    storage: None (memory) or the path of an SQLite file. There each fit is a study of its own: name, then name-2,
        name-3 and so on. A fit never goes on with an older study, because the data may have changed; look at an old one
        with tt.Study.load(storage, name).
    timeout: seconds after which no new candidate starts. patience: stop when that many candidates in a row were no
        better.
    understand: share of the candidates, such as 0.2, that are chosen to tell which hyperparameters matter, see
        Study.optimize.

    After fit it has what GridSearchCV has: cv_results_, best_estimator_, best_params_, best_score_, best_index_,
    n_splits_, refit_time_, scorer_, multimetric_; and from the best estimator classes_, n_features_in_, predict, score,
    transform and so on. And it has
    study_: the Study that maximised mean_test_score; its trial i is row i of cv_results_. study_.sensitivity(),
        study_.report(path) and all else work. A candidate whose fits all failed, or whose mean score is no number, is a
        failed trial with its traceback. A copy of the search, or one from a pickle, has the study in memory. After
        Ctrl-C study_ holds the trials so far.

    Raises at fit: SpaceError and InputError for wrong arguments of the study, scikit-learn's own errors for all else;
    ValueError if no candidate could be fitted.
    """

    def __init__(
        self,
        estimator: Any,
        space: Any,
        *,
        sampler: Any = "auto",
        n_trials: int | None = 30,
        cv: Any = None,
        scoring: Any = None,
        refit: Any = True,
        n_jobs: int | None = None,
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        verbose: int = 0,
        storage: str | os.PathLike[str] | None = None,
        name: str = "search",
        timeout: float | None = None,
        patience: int | None = None,
        understand: float = 0.0,
    ) -> None:
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.space = space
        self.sampler = sampler
        self.n_trials = n_trials
        self.random_state = random_state
        self.storage = storage
        self.name = name
        self.timeout = timeout
        self.patience = patience
        self.understand = understand

    # -- the hooks of BaseSearchCV -------------------------------------------------------------------------------------

    def _run_search(self, evaluate_candidates: Callable[..., Mapping[str, Any]]) -> None:
        """Called once by BaseSearchCV.fit: let a new study propose candidates until its budget is spent."""
        n_trials = _at_least_one(self.n_trials)
        self.study_ = study = self._new_study()
        if isinstance(study.sampler, samplers.Grid):
            n_trials = None
        splits = SameSplits(self.cv) if hasattr(self.cv, "split") else None  # all else splits alike each time
        learns = self.patience is not None or self.understand or not isinstance(study.sampler, _DO_NOT_LEARN)
        self._folds = folds = Folds(
            splits, self._metric(), self.error_score, effective_n_jobs(self.n_jobs), bool(learns)
        )
        try:
            study.optimize(
                evaluate_candidates,
                n_trials,
                timeout=self.timeout,
                patience=self.patience,
                understand=self.understand,
                executor=folds,
                progress=False,
            )
            candidates, rows = folds.everything()
            folds.results.update(super()._format_results(candidates, folds.n_splits, rows))
        finally:
            del self._folds

    def _format_results(
        self, candidate_params: Sequence[Any], n_splits: int, out: Sequence[Row], more_results: Any = None
    ) -> dict[str, Any]:
        """Called by scikit-learn after each batch, with all rows so far.

        They are formatted once, when the search ends, into the dict that is given back here.
        """
        scores = out[0]["test_scores"]
        if isinstance(scores, dict):
            self._check_refit_for_multimetric(scores)  # scikit-learn does that too, but after the whole search
        self._folds.take(n_splits, out)
        return self._folds.results

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "cv_results_")  # study_ alone is what an interrupted search leaves

    # -- the study -----------------------------------------------------------------------------------------------------

    def _new_study(self) -> Study:
        """A study that no other fit has, whatever is stored already and whoever else is fitting."""
        space, sampler = Space.of(self.space), samplers.resolve(self.sampler)
        if self.storage is not None and not isinstance(self.storage, (str, os.PathLike)):
            raise InputError(
                f"SearchCV: storage must be None or the path of a file, got {self.storage!r}. "
                "A storage object cannot be cloned with the estimator."
            )
        if not isinstance(self.name, str) or not self.name:
            raise InputError(f"SearchCV: name must be a text that is not empty, got {self.name!r}.")
        storage, seed = open_storage(self.storage), self._seed()
        settings = {
            "space": space.to_dict(),
            "direction": "maximize",
            "seed": seed,
            "sampler": repr(sampler),
            "trimtab": __version__,
        }
        taken = set(storage.names())
        for k in count(1):
            name = self.name if k == 1 else f"{self.name}-{k}"
            if name not in taken:
                try:
                    storage.append(name, [Opened(0, settings, time.time())])  # only one process can be the first
                    break
                except Conflict:
                    continue
        return Study(space, direction="maximize", sampler=sampler, storage=storage, name=name, seed=seed)

    def _seed(self) -> int:
        state = self.random_state
        if isinstance(state, (int, np.integer)) and not isinstance(state, bool):
            if state < 0:
                raise InputError(
                    f"SearchCV: random_state must be a whole number >= 0, a RandomState or None, got {state!r}."
                )
            return int(state)
        return int(check_random_state(state).randint(2**31 - 1))

    def _metric(self) -> str | None:
        """Name of the score to maximise where there are several; None: the first one that comes."""
        if isinstance(self.refit, str):
            return self.refit
        if isinstance(self.scoring, (list, tuple, dict)):
            return str(next(iter(self.scoring)))
        return None

    # -- pickling ------------------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        study = state.pop("study_", None)
        folds = state.pop("_folds", None)
        if study is not None and folds is None:  # during a search this object goes to workers, which need no trials
            state["study_"] = _Copy.of(study)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        copy = state.get("study_")
        super().__setstate__({**state, "study_": copy.open()} if isinstance(copy, _Copy) else state)


@dataclass(frozen=True)
class _Copy:
    """All that a study is, without its storage."""

    space: Space
    sampler: samplers.Sampler
    name: str
    events: list[Event] = field(repr=False)

    @classmethod
    def of(cls, study: Study) -> _Copy:
        return cls(study.space, study.sampler, study.name, study.storage.read(study.name)[0])

    def open(self) -> Study:
        storage: Storage = Memory()
        storage.append(self.name, self.events)
        return Study(self.space, direction="maximize", sampler=self.sampler, storage=storage, name=self.name)


def _at_least_one(n_trials: int | None) -> int | None:
    if n_trials is None:
        return None
    if isinstance(n_trials, bool) or not isinstance(n_trials, (int, np.integer)) or n_trials < 1:
        raise InputError(f"SearchCV: n_trials must be a whole number >= 1 or None, got {n_trials!r}.")
    return int(n_trials)
