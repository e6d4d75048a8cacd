"""deterministic=True: the seed alone decides the study, whatever the number of workers and their speed."""

from __future__ import annotations

import random
import threading
import time

import numpy as np
import pytest

import trimtab as tt
from trimtab.errors import InputError, StudyError
from trimtab.executors import StoppedAtExit, evaluate
from trimtab.records import Created, Finished, Goals, Opened, Released, Started, Trial
from trimtab.study._in_order import InOrder

SPACE = {"lr": tt.Float(1e-4, 1e-1, log=True), "units": tt.Int(4, 64), "kind": ["a", "b", "c"]}

SPACE_OF = tt.Space(SPACE)


def loss(trial):
    return abs(np.log10(trial["lr"]) + 2.5) + 0.01 * trial["units"] + (trial["kind"] == "b")


class Shuffled(StoppedAtExit):
    """Evaluates up to `capacity` trials and lets any of them end first, as chance wants it."""

    def __init__(self, capacity, seed):
        self.capacity = capacity
        self.random = random.Random(seed)
        self.running = []

    def start(self, objective, channel):
        self.objective, self.channel = objective, channel

    def submit(self, trial):
        assert len(self.running) < self.capacity
        self.running.append(trial)

    def wait(self, timeout=None):
        if not self.running:
            return []
        ended = self.random.sample(self.running, self.random.randint(1, len(self.running)))
        numbers = {trial.number for trial in ended}
        self.running = [trial for trial in self.running if trial.number not in numbers]
        return [
            evaluate(self.objective, Trial(t.number, t.params, seed=t.seed, numeric=t.numeric, channel=self.channel))
            for t in ended
        ]

    def stop(self):
        given_up, self.running = [trial.number for trial in self.running], []
        return given_up


def table(study):
    t = study.table
    return t.x.tobytes(), t.y.tobytes(), t.state.tobytes(), [x.params for x in study.trials], study.stopped


def study_of(sampler, workers, seed, objective=loss, n=26, **keywords):
    pool = Shuffled(workers, seed)
    return tt.minimize(
        objective, SPACE, n, sampler=sampler, seed=3, executor=pool, deterministic=True, progress=False, **keywords
    )


@pytest.mark.parametrize("sampler", ["random", "tpe", "gp"])
def test_any_number_of_workers_makes_the_same_study(sampler):
    first = table(study_of(sampler, 1, 0))
    for workers in (2, 4, 8):
        assert table(study_of(sampler, workers, workers)) == first


def test_without_it_the_order_of_finishing_decides():
    def study(workers):
        pool = Shuffled(workers, workers)
        return tt.minimize(loss, SPACE, 26, sampler="tpe", seed=3, executor=pool, progress=False)

    assert table(study(1)) != table(study(4))


@pytest.mark.parametrize(
    "keywords",
    [{"patience": 6, "n": 60}, {"target": 0.1, "n": 60}, {"repeats": 3, "n": 40}, {"understand": 0.3, "n": 40}],
    ids=["patience", "target", "repeats", "understand"],
)
def test_rules_repeats_and_understanding_depend_on_the_seed_alone(keywords):
    def noisy(trial):
        return loss(trial) + np.random.default_rng(trial.seed).normal() * 0.1

    studies = [study_of("tpe", workers, workers, noisy, **keywords) for workers in (1, 3, 8)]
    assert table(studies[0]) == table(studies[1]) == table(studies[2])
    if "patience" in keywords or "target" in keywords:
        assert studies[0].table.n < keywords["n"]
        assert next(iter(keywords)) in studies[0].stopped


def test_failures_and_pruned_trials_depend_on_the_seed_alone():
    def objective(trial):
        if trial["units"] < 12:
            raise ValueError("too small")
        for step in range(6):
            trial.report(loss(trial) / (step + 1), step)
            if trial.should_stop():
                raise tt.TrialPruned
        return loss(trial)

    studies = [study_of("tpe", workers, workers, objective, n=40, pruner="median") for workers in (1, 3, 8)]
    assert table(studies[0]) == table(studies[1]) == table(studies[2])
    assert {t.state for t in studies[0].trials} == {"finished", "failed", "pruned"}


def test_what_is_known_and_an_interruption_change_nothing(tmp_path):
    start = [{"lr": 1e-3, "units": 8, "kind": "a"}, {"lr": 1e-2, "units": 9, "kind": "c"}]
    whole = study_of("tpe", 1, 0, start=start)

    def interrupted(trial):
        if trial.number == 13 and not (tmp_path / "mark").exists():
            (tmp_path / "mark").touch()
            raise KeyboardInterrupt
        return loss(trial)

    path = tmp_path / "x.db"
    with pytest.raises(KeyboardInterrupt):
        study_of("tpe", 3, 0, interrupted, start=start, storage=path)
    assert 0 < tt.Study.load(path).table.ended.n < 26
    assert table(study_of("tpe", 4, 1, interrupted, start=start, storage=path)) == table(whole)


def test_several_processes_that_share_a_storage_make_the_same_study(tmp_path):
    """As threads with a connection of their own each: what they know of each other is in the file."""
    whole = study_of("tpe", 1, 0)

    def slow(trial):
        time.sleep(random.Random(trial.number).random() / 50)
        return loss(trial)

    def join():
        tt.minimize(
            slow, SPACE, 26, sampler="tpe", seed=3, storage=tmp_path / "x.db", deterministic=True, progress=False
        )

    members = [threading.Thread(target=join) for _ in range(3)]
    for member in members:
        member.start()
    for member in members:
        member.join()
    study = tt.Study.load(tmp_path / "x.db")
    assert table(study)[:4] == table(whole)[:4]


@pytest.mark.parametrize("sampler", ["random", "tpe", "gp"])
def test_real_workers_with_random_delays_make_the_same_study(sampler):
    """Two runs in processes beside one in this process; more numbers of workers: see above."""

    def slow(trial):
        import random
        import time

        time.sleep(random.random() / 20)
        return (trial["lr"] * 100 - 0.3) ** 2 + 0.01 * trial["units"] + (trial["kind"] == "b")

    studies = [
        tt.minimize(slow, SPACE, 18, sampler=sampler, seed=1, workers=workers, deterministic=True, progress=False)
        for workers in (1, 2, 4)
    ]
    assert table(studies[0]) == table(studies[1]) == table(studies[2])


def test_one_study_may_change_its_mind():
    study = tt.Study(SPACE, sampler="tpe", seed=0)
    for deterministic in (False, True, True, False):
        study.optimize(loss, 12, deterministic=deterministic, progress=False)
    assert study.table.finished.n == 48


def test_deterministic_is_yes_or_no():
    with pytest.raises(InputError, match=r"deterministic must be True or False, got 'yes'"):
        tt.minimize(loss, SPACE, 3, deterministic="yes")


def test_a_trial_that_was_asked_for_by_hand_and_never_told_is_named():
    study = tt.Study(SPACE, sampler="random", seed=0)
    asked = study.ask()
    with pytest.raises(
        StudyError, match=r"needs the result of trial 0 before trial 8, and ask\(\) gave it in this process"
    ):
        study.optimize(loss, 20, deterministic=True, progress=False)
    study.release(asked)
    study.optimize(loss, 20, deterministic=True, progress=False)
    assert study.table.finished.n >= 20


def test_start_points_keep_to_the_generations_too():
    def objective(trial):
        for step in range(6):
            trial.report(loss(trial) / (step + 1), step)
            if trial.should_stop():
                raise tt.TrialPruned
        return loss(trial)

    start = [{"lr": 10.0 ** -(1 + k % 3), "units": 4 + 2 * k, "kind": "abc"[k % 3]} for k in range(20)]
    studies = [study_of("random", w, w, objective, n=30, pruner="median", start=start) for w in (1, 3, 8)]
    assert table(studies[0]) == table(studies[1]) == table(studies[2])
    assert any(t.state == "pruned" for t in studies[0].trials[:20])


def test_a_late_result_that_meets_the_next_start_counts():
    events = [
        Opened(0, {}, 0.0),
        *(
            Created(k, SPACE_OF.store(SPACE_OF.sample(1, np.random.default_rng(k)))[0], "sampler", 0.0)
            for k in range(8)
        ),
        *(Started(k, 0, {}, 0.0) for k in range(8)),
        Released(0, 0, 0.0, lost=True),
        Finished(0, "finished", 0.125, 1.0, None, 0.0),
        Started(0, 1, {}, 0.0),
        *(Finished(k, "finished", 1.0, 1.0, None, 0.0) for k in range(1, 8)),
    ]
    in_order = InOrder(SPACE_OF, Goals.of("minimize"))
    in_order.apply(events)
    known = in_order.before(8)
    assert known is not None
    assert known.table.y.tolist() == [0.125] + [1.0] * 7
    assert not known.running
