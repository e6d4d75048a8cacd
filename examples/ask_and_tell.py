"""Ask and tell: the study proposes, your own program evaluates, in its own loop, at its own time.

For a laboratory, a cluster's queue, a training that something else starts: whatever cannot be a function that returns.

    python examples/ask_and_tell.py
"""

import tempfile
from pathlib import Path

from sklearn.datasets import load_diabetes
from sklearn.model_selection import cross_val_score
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import trimtab as tt

x, y = load_diabetes(return_X_y=True)
y = (y - y.mean()) / y.std()

space = {
    "hidden": tt.Int(4, 64, log=True),
    "alpha": tt.Float(1e-4, 1e2, log=True),
    "activation": ["tanh", "relu"],
}


def r_squared(params):
    """Your program. It knows nothing about trimtab."""
    network = MLPRegressor(
        hidden_layer_sizes=(params["hidden"],),
        activation=params["activation"],
        alpha=params["alpha"],
        solver="lbfgs",
        max_iter=200,
        tol=1e-2,
        random_state=0,
    )
    return cross_val_score(make_pipeline(StandardScaler(), network), x, y, cv=3).mean()


with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "diabetes.db"

    # With a file every trial is safe as soon as it is told.
    with tt.Study(space, direction="maximize", storage=file, name="diabetes", seed=0) as study:
        # Something you already know: have it evaluated first, or record a result from elsewhere.
        study.enqueue({"hidden": 16, "alpha": 1.0, "activation": "tanh"})
        study.add_trial({"hidden": 64, "alpha": 1e-4, "activation": "relu"}, 0.183)

        for _ in range(10):
            trial = study.ask()
            study.tell(trial, r_squared(trial.params))

        # Several may be out at once. The study takes what is still running into account.
        several = [study.ask() for _ in range(3)]
        for trial in several[:2]:
            study.tell(trial, r_squared(trial.params))
        study.tell(several[2], state="failed", error="the machine lost its power")

    # Later, or in another process: the same name goes on where it was.
    with tt.Study(space, direction="maximize", storage=file, name="diabetes", seed=0) as study:
        print(f"found {len(study)} trials in the file, going on")
        for _ in range(5):
            trial = study.ask()
            study.tell(trial, r_squared(trial.params))

        for trial in study.trials:
            value = f"{trial.value:7.3f}" if trial.state == "finished" else f"{trial.state}: {trial.error}"
            print(f"  {trial.number:2d}  {value}  {trial.params}")
        print(f"best: trial {study.best.number}, R squared {study.best.value:.3f}, {study.best.params}")
