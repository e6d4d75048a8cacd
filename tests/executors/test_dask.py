"""Dask: the contract, and a real study of which a worker is killed. On a cluster of this machine, on loopback."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from importlib.util import find_spec

import pytest
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

import trimtab as tt
from trimtab.errors import InputError, MissingExtra
from trimtab.executors import Dask
from trimtab.testing import check_executor


@pytest.mark.skipif(find_spec("distributed") is None, reason="Dask is not installed: pip install 'trimtab[dask]'")
def test_a_study_on_dask_survives_the_death_of_a_worker(tmp_path):
    """One test for all, so that the cluster starts once, however tests are shared out among processes."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=2,
            processes=True,
            threads_per_worker=1,
            dashboard_address=None,
            host="127.0.0.1",
            silence_logs=50,
            local_directory=str(tmp_path / "dask"),
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        check_executor(lambda: Dask(client))
        a_killed_worker_costs_one_requeue(client, tmp_path)
        takes_a_client_or_where_one_leads(client, cluster)


def a_killed_worker_costs_one_requeue(client, tmp_path):
    """Though the scheduler would try it three times more by itself."""
    x, y = load_digits(return_X_y=True)
    x, y = x[:400] / 16.0, y[:400]

    def loss(params):
        network = MLPClassifier((16,), batch_size=50, random_state=0, **params)
        for _ in range(3):
            network.partial_fit(x, y, classes=range(10))
            yield network.loss_

    def objective(trial):
        if trial.number == 2:
            times = len(list(tmp_path.glob("begun*")))
            (tmp_path / f"begun{times}").write_text(str(os.getpid()))
        for epoch, value in enumerate(loss(trial)):
            trial.report(value, epoch)
            if trial.number == 2 and epoch == 1 and times == 0:
                time.sleep(60.0)
        return value

    killer = threading.Thread(target=kill_what_writes, args=[tmp_path / "begun0"])
    killer.start()
    study = tt.minimize(
        objective,
        {"alpha": tt.Float(1e-6, 1e-1, log=True), "learning_rate_init": tt.Float(1e-4, 1e-1, log=True)},
        n_trials=6,
        sampler="random",
        executor=Dask(client),
        retries=1,
        progress=False,
        seed=0,
    )
    killer.join()

    assert [trial.state for trial in study.trials] == ["finished"] * 6
    for trial in study.trials[1:4]:
        losses = list(loss(trial.params))
        assert trial.value == pytest.approx(losses[-1], rel=1e-6)
        assert list(trial.reports.values())[-3:] == pytest.approx(losses, rel=1e-6)
    assert len(list(tmp_path.glob("begun*"))) == 2
    (last,) = [event for event in study.storage.read("study")[0] if type(event).__name__ == "Released"]
    assert last.number == 2


def kill_what_writes(path):
    deadline = time.monotonic() + 120.0
    while not (path.exists() and path.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(int(path.read_text()), signal.SIGKILL)


def takes_a_client_or_where_one_leads(client, cluster):
    deadline = time.monotonic() + 60.0
    while len(client.nthreads()) < 2 and time.monotonic() < deadline:  # the killed one is replaced
        time.sleep(0.1)
    assert Dask(client).capacity == 2
    assert Dask(client, 5).capacity == 5
    by_address = Dask(cluster.scheduler_address, 1)
    with by_address:
        by_address.start(lambda trial: 1.5, object())  # a channel that nobody calls
        by_address.submit(tt.Trial(0, {}))
        assert by_address.wait(60.0)[0].value == 1.5
    by_address._client.close()
    with pytest.raises(InputError, match=r"distributed.Client, a cluster or the address of a scheduler, got 3"):
        Dask(3)
    with pytest.raises(InputError, match=r"whole number of workers from 1, got 0"):
        Dask(client, 0)


def test_says_what_to_install_where_dask_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtra, match=r"'distributed' is needed.*pip install 'trimtab\[dask\]'"):
        Dask("tcp://127.0.0.1:1")
