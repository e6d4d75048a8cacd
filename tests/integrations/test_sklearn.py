"""SearchCV is a scikit-learn search in every habit, and its study is a trimtab study in every habit."""

from __future__ import annotations

import pickle
import subprocess
import sys
from inspect import signature

import joblib
import numpy as np
import pytest
import scipy.stats as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold, RandomizedSearchCV, ShuffleSplit, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import check_is_fitted

import trimtab as tt
from trimtab.errors import InputError, SpaceError, StudyError
from trimtab.integrations import sklearn as integration
from trimtab.integrations.sklearn import SearchCV

X, y = load_iris(return_X_y=True)
TREE = {"max_depth": [1, 2, 3, 4, 5], "criterion": ["gini", "entropy"], "min_samples_leaf": st.randint(1, 20)}
FAILS_IN_GRID_SEARCH_TOO = {
    "check_supervised_y_2d",
    "check_requires_y_none",
}  # scikit-learn's own list for GridSearchCV


def tree_search(**keywords: object) -> SearchCV:
    settings = {"n_trials": 6, "cv": 3, "random_state": 0, "sampler": "random", **keywords}
    return SearchCV(DecisionTreeClassifier(random_state=0), settings.pop("space", TREE), **settings)


class Moody(ClassifierMixin, BaseEstimator):
    """Predicts the most frequent class; `fail` says on which folds (by the first label it sees) fit raises."""

    def __init__(self, fail: str = "never", c: float = 0.0) -> None:
        self.fail = fail
        self.c = c

    def fit(self, X: np.ndarray, y: np.ndarray) -> Moody:
        if self.fail == "always" or (self.fail == "sometimes" and X[0, 0] > 0):
            raise RuntimeError("moody today")
        if self.fail == "interrupt":
            raise KeyboardInterrupt
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.full(len(X), self.classes_[0] if self.c < 0.5 else self.classes_[-1])


def moody_data() -> tuple[np.ndarray, np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
    """Two folds; the training part of the second one begins with a positive number."""
    data = np.array([[0.0], [1.0]] * 10)
    labels = np.array([0, 0, 0, 1] * 5)
    first, second = np.arange(0, 20, 2), np.arange(1, 20, 2)
    return data, labels, [(first, second), (second, first)]


# -- scikit-learn's habits


@pytest.mark.skipif("on_fail" not in signature(check_estimator).parameters, reason="scikit-learn before 1.6")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("estimator", "space"),
    [
        (Ridge(), {"alpha": [0.1, 1.0]}),
        (make_pipeline(PCA(), LogisticRegression()), {"logisticregression__C": [0.1, 1.0]}),
    ],
    ids=["regressor", "pipeline"],
)
def test_passes_check_estimator_as_grid_search_does(estimator, space):
    results = check_estimator(SearchCV(estimator, space, cv=2, error_score="raise", random_state=0), on_fail=None)

    failed = {r["check_name"]: r["exception"] for r in results if r["status"] == "failed"}
    assert set(failed) <= FAILS_IN_GRID_SEARCH_TOO, failed
    assert sum(r["status"] == "passed" for r in results) > 40


def test_a_grid_is_the_grid_of_grid_search_cv():
    grid = {"C": [0.1, 1, 10], "gamma": [0.1, 1]}
    ours = SearchCV(SVC(), grid, sampler="grid", n_trials=2, cv=3, return_train_score=True).fit(X, y)
    theirs = GridSearchCV(SVC(), grid, cv=3, return_train_score=True).fit(X, y)

    assert set(ours.cv_results_) == set(theirs.cv_results_)
    key = [sorted(p.items()) for p in theirs.cv_results_["params"]]
    order = [key.index(sorted(p.items())) for p in ours.cv_results_["params"]]
    assert sorted(order) == list(range(6))  # each cell once, whatever n_trials says
    for name in ("mean_test_score", "std_test_score", "rank_test_score", "split1_test_score", "mean_train_score"):
        assert_allclose(ours.cv_results_[name], theirs.cv_results_[name][order])
    assert ours.best_score_ == theirs.best_score_
    assert ours.n_splits_ == 3
    assert ours.multimetric_ is False
    assert ours.refit_time_ > 0
    assert_array_equal(ours.classes_, [0, 1, 2])
    assert ours.n_features_in_ == 4


def test_takes_the_distributions_of_randomized_search_cv():
    space = {
        "C": st.loguniform(1e-2, 1e2),
        "gamma": st.expon(scale=0.1),
        "kernel": ["rbf", "poly"],
        "degree": st.randint(2, 4),
    }
    RandomizedSearchCV(SVC(), space, n_iter=2, cv=2, random_state=0).fit(X, y)
    search = SearchCV(SVC(), space, n_trials=8, cv=2, random_state=0).fit(X, y)

    rows = search.cv_results_["params"]
    assert len(rows) == 8
    assert all(type(r["degree"]) is int and 2 <= r["degree"] < 4 and 1e-2 <= r["C"] <= 1e2 for r in rows)
    assert search.score(X, y) > 0.9


@pytest.mark.parametrize("sampler", ["grid", "random", "auto"])
def test_takes_a_list_of_dicts(sampler):
    """As in scikit-learn, what a candidate does not have is masked."""
    space = [{"kernel": ["rbf"], "gamma": [0.1, 1.0]}, {"kernel": ["poly"], "degree": [2, 3]}]
    search = SearchCV(SVC(), space, sampler=sampler, n_trials=10, cv=2, random_state=0).fit(X, y)

    rows = search.cv_results_["params"]
    expected = [{"kernel": "rbf", "gamma": g} for g in (0.1, 1.0)] + [{"kernel": "poly", "degree": d} for d in (2, 3)]
    assert len(rows) == 4
    assert all(r in rows for r in expected)
    assert_array_equal(search.cv_results_["param_gamma"].mask, [r["kernel"] == "poly" for r in rows])


def test_takes_a_space_with_conditions_and_constraints():
    space = tt.Space(
        {
            "kernel": tt.Categorical(["rbf", "linear"]),
            "C": tt.Float(1e-2, 1e2, log=True),
            "gamma": tt.Float(1e-3, 1, log=True, when={"kernel": "rbf"}),
        },
        constraints=["C <= 10 or gamma < 0.1"],
    )
    search = SearchCV(SVC(), space, n_trials=10, cv=2, random_state=0).fit(X, y)

    rows = search.cv_results_["params"]
    assert {r["kernel"] for r in rows} == {"rbf", "linear"}
    assert all(("gamma" in r) == (r["kernel"] == "rbf") for r in rows)
    assert all(r["C"] <= 10 or r["gamma"] < 0.1 for r in rows if "gamma" in r)


def test_searches_pipelines_and_whole_estimators():
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2_000))
    neighbors = KNeighborsClassifier()
    space = [
        {"logisticregression": [neighbors], "logisticregression__n_neighbors": [1, 3, 5]},
        {"standardscaler": ["passthrough", StandardScaler()], "logisticregression__C": st.loguniform(1e-2, 1e2)},
    ]
    search = SearchCV(pipeline, space, sampler="random", n_trials=10, cv=2, random_state=1).fit(X, y)

    assert {"n_neighbors" in str(r) for r in search.cv_results_["params"]} == {True, False}
    assert not hasattr(neighbors, "classes_")  # the user's object is cloned, not fitted
    assert search.predict(X).shape == (150,)


def test_delegates_to_the_best_estimator():
    search = SearchCV(PCA(random_state=0), {"n_components": [1, 2, 3]}, sampler="grid", cv=2).fit(X)

    assert search.best_params_ == {"n_components": 3}
    assert_allclose(search.inverse_transform(search.transform(X)), X, atol=0.5)
    assert not hasattr(search, "predict")
    with pytest.raises(AttributeError):
        SearchCV(PCA(), {"n_components": [1, 2]}, refit=False, sampler="grid", cv=2).fit(X).transform  # noqa: B018


def test_several_metrics():
    scoring = {"accuracy": "accuracy", "balanced": "balanced_accuracy", "depth": lambda e, X, y: -e.get_depth()}
    search = tree_search(scoring=scoring, refit="depth").fit(X, y)

    assert search.multimetric_ is True
    assert {"mean_test_accuracy", "rank_test_balanced", "split2_test_depth"} <= set(search.cv_results_)
    assert search.study_.best.value == search.best_score_ == max(search.cv_results_["mean_test_depth"])
    assert set(search.scorer_) == set(scoring)

    unnamed = tree_search(scoring=["balanced_accuracy", "accuracy"], refit=False).fit(X, y)
    assert_allclose(unnamed.study_.table.value, unnamed.cv_results_["mean_test_balanced_accuracy"])

    chosen = tree_search(scoring=["accuracy", "f1_macro"], refit=lambda results: 4).fit(X, y)
    assert chosen.best_index_ == 4
    assert chosen.best_params_ == chosen.study_.trials[4].params


def test_a_scoring_function_with_several_results():
    def both(estimator, X, y):
        return {"hits": estimator.score(X, y), "misses": 1 - estimator.score(X, y)}

    search = tree_search(scoring=both, refit="hits").fit(X, y)

    assert_allclose(search.study_.table.value, search.cv_results_["mean_test_hits"])


def test_a_wrong_refit_is_found_after_the_first_candidate():
    calls = []

    def scoring(estimator, X, y):
        calls.append(1)
        return {"a": 1.0, "b": 2.0}

    with pytest.raises(ValueError, match="refit"):
        tree_search(scoring=scoring, refit="c").fit(X, y)
    assert len(calls) == 3


def test_groups_and_fit_parameters_reach_their_places():
    groups = np.arange(150) % 5
    search = tree_search(cv=GroupKFold(5)).fit(X, y, groups=groups, sample_weight=np.ones(150))
    assert search.n_splits_ == 5

    weighted = tree_search(n_trials=1).fit(X, y, sample_weight=(y == 2).astype(float))
    assert set(weighted.predict(X)) == {2}


def test_data_frames():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    assert list(tree_search().fit(frame, y).feature_names_in_) == list("abcd")

    scaler = SearchCV(
        make_pipeline(StandardScaler(), PCA(2)), {"standardscaler__with_std": [True, False]}, sampler="grid", cv=2
    )
    out = scaler.set_params(estimator=scaler.estimator.set_output(transform="pandas")).fit(frame).transform(frame)
    assert list(out.columns) == ["pca0", "pca1"]


def test_clone_and_set_params():
    search = tree_search(space=tt.Space({"max_depth": tt.Int(1, 5)}), sampler=tt.samplers.TPE())
    copy = clone(search).set_params(n_trials=3, estimator__criterion="entropy").fit(X, y)

    assert len(copy.study_) == 3
    assert copy.best_estimator_.criterion == "entropy"
    assert not hasattr(search, "study_")
    assert search.n_trials == 6


def test_nested_in_cross_validation():
    scores = cross_val_score(tree_search(n_trials=3), X, y, cv=3)

    assert scores.shape == (3,)
    assert min(scores) > 0.85


# -- seeds, splits, jobs


def test_the_same_seed_gives_the_same_search():
    for sampler, other in [
        ("auto", None),
        ("tpe", 4),
    ]:  # the GP looks at every cell of so small a space, whatever the seed
        first, second = (tree_search(sampler=sampler, random_state=3).fit(X, y) for _ in range(2))

        assert first.cv_results_["params"] == second.cv_results_["params"]
        if other is not None:
            third = tree_search(sampler=sampler, random_state=other).fit(X, y)
            assert first.cv_results_["params"] != third.cv_results_["params"]


def test_a_random_state_moves_on():
    state = np.random.RandomState(0)
    search = tree_search(random_state=state)
    first, second = search.fit(X, y).study_.seed, search.fit(X, y).study_.seed

    assert first != second
    assert tree_search(random_state=np.random.RandomState(0)).fit(X, y).study_.seed == first


def test_without_a_seed_numpys_global_one_decides():
    np.random.seed(5)  # noqa: NPY002
    first = tree_search(random_state=None).fit(X, y)
    np.random.seed(5)  # noqa: NPY002
    second = tree_search(random_state=None).fit(X, y)

    assert first.cv_results_["params"] == second.cv_results_["params"]


def test_every_candidate_sees_the_same_splits():
    """GaussianNB has nothing that is random: equal candidates have equal scores only on equal splits."""
    cv = ShuffleSplit(3, test_size=0.3, random_state=np.random.RandomState(0))
    space = {"var_smoothing": tt.Float(1e-12, 1.0001e-12)}
    search = SearchCV(GaussianNB(), space, sampler="random", n_trials=4, cv=cv, random_state=0).fit(X, y)

    scores = np.array([search.cv_results_[f"split{k}_test_score"] for k in range(3)])
    assert_array_equal(scores, np.tile(scores[:, :1], 4))
    assert len(set(scores[:, 0])) > 1


def test_splits_from_a_generator():
    splits = ((np.arange(0, 150, 2), np.arange(1, 150, 2)) for _ in range(2))

    assert tree_search(cv=splits).fit(X, y).n_splits_ == 2


@pytest.mark.parametrize("sampler", ["auto", "random", "sobol", "grid"])
def test_jobs_do_not_change_the_result(sampler):
    space = {"max_depth": [1, 2, 3, 4, 5], "criterion": ["gini", "entropy"]}
    alone = tree_search(space=space, sampler=sampler).fit(X, y)
    with joblib.parallel_backend("threading"):
        together = tree_search(space=space, sampler=sampler, n_jobs=4).fit(X, y)

    assert alone.cv_results_["params"] == together.cv_results_["params"]
    assert_array_equal(alone.cv_results_["mean_test_score"], together.cv_results_["mean_test_score"])


def test_many_jobs_are_asked_for_several_candidates():
    seen = []
    study_optimize = tt.Study.optimize

    def watch(self, *args, executor, **keywords):
        submit, wait = executor.submit, executor.wait
        executor.submit = lambda trial: (seen.append("submit"), submit(trial))[1]
        executor.wait = lambda timeout=None: (seen.append("wait"), wait(timeout))[1]
        return study_optimize(self, *args, executor=executor, **keywords)

    with pytest.MonkeyPatch.context() as patch, joblib.parallel_backend("threading"):
        patch.setattr(tt.Study, "optimize", watch)
        tree_search(sampler="auto", n_jobs=6, n_trials=5).fit(X, y)

    assert seen == ["submit", "wait", *["submit", "submit", "wait"] * 2]  # 6 jobs, 3 folds: pairs after the first


def test_works_in_other_processes():
    search = tree_search(n_jobs=2, n_trials=3).fit(X, y)

    assert search.cv_results_["params"] == tree_search(n_trials=3).fit(X, y).cv_results_["params"]


# -- failures


@pytest.mark.parametrize("error_score", [np.nan, 0.0])
def test_a_candidate_that_always_fails_is_a_failed_trial(error_score):
    data, labels, cv = moody_data()
    space = {"fail": ["always", "never"], "c": [0.0, 1.0]}
    search = SearchCV(Moody(), space, sampler="grid", cv=cv, error_score=error_score, return_train_score=True)
    with pytest.warns() as caught:
        search.fit(data, labels)

    failed = [p["fail"] == "always" for p in search.cv_results_["params"]]
    assert [t.state for t in search.study_.trials] == ["failed" if f else "finished" for f in failed]
    assert all(
        ("moody today" in t.error and "Traceback" in t.error) for t in search.study_.trials if t.state == "failed"
    )
    for name in ("mean_test_score", "split1_test_score", "mean_train_score"):
        assert_array_equal(search.cv_results_[name][failed], [error_score] * 2)
    assert search.best_params_["fail"] == "never"
    assert search.best_index_ == search.study_.best.number
    assert sum(issubclass(w.category, FitFailedWarning) for w in caught) == 2


def test_a_candidate_that_fails_on_one_fold():
    data, labels, cv = moody_data()
    space = {"fail": ["sometimes", "never"]}
    with pytest.warns() as caught:
        search = SearchCV(Moody(), space, sampler="grid", cv=cv).fit(data, labels)
    assert [w.category for w in caught] == [FitFailedWarning, UserWarning]  # the fold, and once the scores that are NaN
    broken = search.study_.trials[[p["fail"] for p in search.cv_results_["params"]].index("sometimes")]
    assert broken.state == "failed"
    assert "moody today" in broken.error

    with pytest.warns(FitFailedWarning):  # a number as error_score says what such a fold is worth
        counted = SearchCV(Moody(), space, sampler="grid", cv=cv, error_score=0.0).fit(data, labels)
    assert_allclose(counted.study_.table.value, counted.cv_results_["mean_test_score"])


def test_a_failing_metric_among_several():
    data, labels, cv = moody_data()
    space = {"fail": ["always", "never"]}
    with pytest.warns():
        search = SearchCV(
            Moody(), space, sampler="grid", cv=cv, scoring=["accuracy", "f1_macro"], refit="f1_macro"
        ).fit(data, labels)

    assert (
        np.isnan(search.cv_results_["mean_test_accuracy"]).tolist()
        == np.isnan(search.cv_results_["mean_test_f1_macro"]).tolist()
    )
    assert search.best_params_ == {"fail": "never"}


def test_every_candidate_fails():
    data, labels, cv = moody_data()
    search = SearchCV(Moody("always"), {"c": [0.0, 1.0, 2.0]}, sampler="grid", cv=cv)

    with pytest.warns(FitFailedWarning), pytest.raises(ValueError, match=r"None of 3 candidates(.|\n)*moody today"):
        search.fit(data, labels)
    with pytest.raises(NotFittedError):
        check_is_fitted(search)


def test_error_score_raise_raises_the_estimators_own_error():
    data, labels, cv = moody_data()

    with pytest.raises(RuntimeError, match="moody today"):
        SearchCV(Moody("always"), {"c": [0.0, 1.0]}, sampler="grid", cv=cv, error_score="raise").fit(data, labels)


def test_ctrl_c_leaves_the_trials_so_far():
    data, labels, cv = moody_data()
    search = SearchCV(Moody(), {"fail": tt.Categorical(["never", "interrupt"])}, sampler="grid", cv=cv)
    with pytest.raises(KeyboardInterrupt):
        search.fit(data, labels)

    assert [t.state for t in search.study_.trials] == ["finished", "created"]
    assert pickle.loads(pickle.dumps(search)).study_.table.n == 2
    with pytest.raises(NotFittedError):
        search.predict(data)


# -- the study


def test_the_study_is_the_table_of_the_search():
    search = tree_search(sampler="auto", n_trials=12).fit(X, y)
    study = search.study_

    assert [t.params for t in study.trials] == search.cv_results_["params"]
    assert_allclose(study.table.value, search.cv_results_["mean_test_score"])
    assert study.direction == "maximize"
    assert study.best.params == search.best_params_
    assert study.best.value == search.best_score_
    assert np.all(study.table.seconds > 0)
    assert set(study.sensitivity().verdicts) == set(TREE)


def test_a_second_fit_starts_afresh():
    search = tree_search().fit(X, y)
    first = search.study_
    search.set_params(n_trials=4).fit(X, y)

    assert search.study_ is not first
    assert (len(first), len(search.study_)) == (6, 4)


def test_each_fit_is_a_study_of_its_own_in_the_storage(tmp_path):
    path = tmp_path / "searches.db"
    search = tree_search(storage=path, name="tree")
    search.fit(X, y).study_.close()
    cross_val_score(clone(search).set_params(n_trials=2), X, y, cv=2)
    names = ["tree", "tree-2", "tree-3"]

    for name, n in zip(names, (6, 2, 2), strict=True):
        with tt.Study.load(path, name) as study:
            assert len(study) == n
            assert study.settings["direction"] == "maximize"


def test_two_fits_at_the_same_moment_take_two_names(tmp_path, monkeypatch):
    """The one that is later learns it from the storage, even if it saw no study there before."""
    path = tmp_path / "searches.db"
    tree_search(storage=path, n_trials=3).fit(X, y).study_.close()
    blind = tt.Study.load(path).storage
    monkeypatch.setattr(blind, "names", list)
    monkeypatch.setattr(integration, "open_storage", lambda target: blind)

    late = tree_search(storage=path, n_trials=2).fit(X, y)

    assert late.study_.name == "search-2"
    assert len(late.study_) == 2
    late.study_.close()


@pytest.mark.parametrize("stored", [False, True])
def test_a_pickle_brings_the_study_along(stored, tmp_path):
    path = tmp_path / "searches.db" if stored else None
    search = tree_search(storage=path).fit(X, y)
    copy = pickle.loads(pickle.dumps(search))

    assert copy.study_.storage.describe() == "memory"
    assert copy.study_.best.params == search.study_.best.params
    assert_array_equal(copy.study_.table.x, search.study_.table.x)
    assert_array_equal(copy.predict(X), search.predict(X))
    assert copy.study_.seed == search.study_.seed
    search.study_.close()
    assert pickle.loads(pickle.dumps(copy)).study_.table.n == 6


def test_patience_and_timeout_end_a_search():
    flat = SearchCV(
        Moody(), {"c": tt.Float(0.0, 0.4)}, sampler="random", n_trials=None, patience=4, cv=2, random_state=0
    )
    assert len(flat.fit(*moody_data()[:2]).study_) == 5

    digits, labels = load_digits(return_X_y=True)
    slow = tree_search(n_trials=None, timeout=0.3).fit(digits, labels)
    assert 1 <= len(slow.study_) < 200


# -- wrong input


@pytest.mark.parametrize(
    ("keywords", "error", "text"),
    [
        ({"space": {}}, SpaceError, "space is empty"),
        ({"space": []}, SpaceError, "at least one"),
        ({"space": {"max_depth": []}}, SpaceError, "'max_depth' has an empty list"),
        ({"space": "max_depth"}, SpaceError, "dict of parameters"),
        ({"space": {"deepness": [1, 2]}}, ValueError, "Invalid parameter 'deepness'"),
        ({"n_trials": 0}, InputError, "n_trials must be a whole number >= 1"),
        ({"n_trials": 2.5}, InputError, "n_trials must be a whole number >= 1"),
        ({"n_trials": None}, InputError, "n_trials"),
        ({"patience": 0}, InputError, "patience"),
        ({"timeout": -1}, InputError, "timeout"),
        ({"sampler": "annealing"}, InputError, "no sampler 'annealing'"),
        ({"sampler": "grid", "space": {"ccp_alpha": tt.Float(0, 1)}}, InputError, "ccp_alpha"),
        ({"random_state": -1}, InputError, "random_state"),
        ({"random_state": "zero"}, ValueError, "zero"),
        ({"storage": 7}, InputError, "storage must be None or the path"),
        ({"name": ""}, InputError, "name"),
        ({"scoring": "goodness"}, ValueError, "scoring"),
        ({"cv": "three"}, ValueError, "cv"),
        ({"error_score": "rise"}, ValueError, "error_score"),
        ({"scoring": ["accuracy", "f1_macro"]}, ValueError, "refit"),
    ],
)
def test_wrong_arguments_are_named_at_fit(keywords, error, text):
    search = tree_search(**keywords)

    with pytest.raises(error, match=text):
        search.fit(X, y)


def test_a_search_that_was_not_fitted_says_so():
    with pytest.raises(NotFittedError):
        tree_search().predict(X)


def test_nothing_is_left_behind_by_a_failed_fit():
    search = tree_search(space={"deepness": [1, 2]})
    with pytest.raises(ValueError, match="deepness"):
        search.fit(X, y)

    with pytest.raises(StudyError, match="no finished trial"):
        search.study_.best  # noqa: B018
    assert search.set_params(space=TREE).fit(X, y).score(X, y) > 0.8


def test_without_scikit_learn_it_says_what_to_install():
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import trimtab\n"
        "try:\n    import trimtab.integrations.sklearn\n"
        "except trimtab.errors.MissingExtra as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "python -m pip install 'scikit-learn" in done.stdout


def test_a_share_of_the_candidates_is_for_understanding():
    search = tree_search(n_trials=10, understand=0.2).fit(X, y)

    assert search.study_.understanding.startswith("2 of 10 trials were spent on the sensitivities")
    with pytest.raises(InputError, match="understand must be a number from 0 to below 1, got 2"):
        tree_search(understand=2).fit(X, y)
