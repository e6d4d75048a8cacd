"""One study for both questions: a fifth of the trials sharpens the sensitivities, then comes what to make of them.

python examples/understand_network.py
"""

import warnings

from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import trimtab as tt

warnings.simplefilter("ignore", ConvergenceWarning)

x, y = load_digits(return_X_y=True)
x_train, x_valid, y_train, y_valid = train_test_split(x / 16, y, train_size=600, random_state=0)

space = {
    "hidden_layer_sizes": tt.Int(8, 128, log=True),
    "activation": tt.Categorical(["relu", "tanh"]),
    "learning_rate_init": tt.Float(1e-4, 0.3, log=True),
    "alpha": tt.Float(1e-6, 1e0, log=True),
    "batch_size": tt.Int(16, 256, log=True),
}


def validation_loss(trial):
    """trial.seed differs from trial to trial, so that luck of the start weights shows as seed noise."""
    network = MLPClassifier(**trial, max_iter=15, random_state=trial.seed)
    network.fit(x_train, y_train)
    return log_loss(y_valid, network.predict_proba(x_valid))


# Of 40 trials up to 8 go where they tell most of the knobs; the others search.
study = tt.minimize(validation_loss, space, n_trials=40, understand=0.2, seed=0, progress=False)
print(study)
print(study.understanding)

# Which knobs move the loss over the whole space, and how sure is that?
print()
print(study.sensitivity())

# How exactly must the best configuration be set, and what happens if it is not?
print()
print(tt.sensitivity.robustness(study, radius=0.1))

# What to do next: what to freeze, where to widen, whether more trials would change an answer.
print()
print(study.advice())
