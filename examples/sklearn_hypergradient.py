"""True gradients of a network's hyperparameters: scikit-learn's own training, differentiated.

One training tells in which direction, and how steeply, the validation loss changes with the learning rate, the L2 term and Adam's
constants; a few more check it. Then some steps down that slope, and a look at data that no choice has seen.

    python examples/sklearn_hypergradient.py
"""

import math
import warnings

from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import scale

from trimtab.integrations.sklearn import hypergradient

warnings.simplefilter("ignore", ConvergenceWarning)  # 60 epochs are what we want to differentiate

x, y = load_diabetes(return_X_y=True)
x, y = scale(x), scale(y)
x_rest, x_test, y_rest, y_test = train_test_split(x, y, test_size=0.3, random_state=0)
x_train, x_valid, y_train, y_valid = train_test_split(x_rest, y_rest, test_size=0.4, random_state=0)

model = MLPRegressor(
    hidden_layer_sizes=(30,),
    activation="tanh",
    solver="adam",
    learning_rate_init=0.01,
    alpha=0.1,
    batch_size=32,
    max_iter=60,
    n_iter_no_change=1_000,
    random_state=0,
)
data = (x_train, y_train, x_valid, y_valid)


def loss_on_test_data():
    """Half the mean squared error, scikit-learn's own loss, of scikit-learn's own fit."""
    model.fit(x_train, y_train)
    return mean_squared_error(y_test, model.predict(x_test)) / 2


# The derivative of the validation loss, through all steps of the training, for every continuous hyperparameter. log_gradient
# is the change for a factor of e (2.7); relative_error is against trainings with slightly other values.
print(hypergradient(model, *data, check="complete"))

# Down the slope: both on their logarithms, each step at most a factor of e, shorter where the slope turns.
names = ["learning_rate_init", "alpha"]
print(
    f"\nlearning rate {model.learning_rate_init:.4f}, alpha {model.alpha:.3f}: loss on test data {loss_on_test_data():.4f}\n"
)
length, before = 1.0, None
for _ in range(12):
    here = hypergradient(model, *data, names, check="none")
    slope = dict(zip(names, here.log_gradient, strict=True))
    norm = math.hypot(*slope.values())
    if before is not None and sum(slope[name] * before[name] for name in names) < 0:
        length /= 2
    before = slope
    values = ", ".join(f"{name} {getattr(model, name):.4f}" for name in names)
    print(f"  {values}: validation loss {here.value:.4f}, slope {norm:.4f}")
    for name in names:
        setattr(model, name, getattr(model, name) * math.exp(-length * slope[name] / norm))

print(
    f"\nlearning rate {model.learning_rate_init:.4f}, alpha {model.alpha:.3f}: loss on test data {loss_on_test_data():.4f}"
)

# What has no gradient is refused, and the message says what to use instead.
try:
    hypergradient(model, *data, ["batch_size"])
except ValueError as error:
    print(f"\n{error}")
