"""Bayesian search of a neural network with an objective function of your own, then the sensitivities.

python examples/bayesian_search.py
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

# log=True where a factor matters more than a difference; when= for a parameter that exists beside one choice only.
space = {
    "hidden_layer_sizes": tt.Categorical([(16,), (64,), (32, 32)]),
    "activation": tt.Categorical(["relu", "tanh"]),
    "solver": tt.Categorical(["adam", "sgd"]),
    "learning_rate_init": tt.Float(1e-4, 0.3, log=True),
    "alpha": tt.Float(1e-6, 1e0, log=True),
    "momentum": tt.Float(0.5, 0.99, when={"solver": "sgd"}),
}


def validation_loss(trial):
    """A Trial is a mapping of its parameters, so ** hands them to the network. Return one number; lower is better."""
    network = MLPClassifier(**trial, max_iter=20, random_state=0)
    network.fit(x_train, y_train)
    return log_loss(y_valid, network.predict_proba(x_valid))


# If the network diverges and fit raises, the trial counts as failed, its traceback is kept, and the search goes on.
study = tt.minimize(validation_loss, space, n_trials=30, sampler="gp", seed=0)

print(study)
print(f"lowest validation loss {study.best.value:.4f} with")
for name, value in study.best.params.items():
    print(f"    {name} = {value!r}")

print()
print(study.sensitivity())  # over the whole space: which of them move the loss, and how sure is that?
print()
print(tt.sensitivity.one_at_a_time(study))  # from the best configuration: how far may each one move?
print()
print(tt.sensitivity.gradient(study))  # in which direction would the loss fall?
