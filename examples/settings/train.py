"""An ordinary training program: hyperparameters come in as options, the result goes out as the last line, in JSON.

python train.py --lr 0.01 --units 64
"""

import argparse
import json
import warnings

from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1e-3)
parser.add_argument("--units", type=int, default=64)
parser.add_argument("--activation", default="relu")
parser.add_argument("--solver", default="adam")
parser.add_argument("--momentum", type=float, default=0.9)
parser.add_argument("--epochs", type=int, default=20)
options = parser.parse_args()

x, y = load_digits(return_X_y=True)
x_train, x_valid, y_train, y_valid = train_test_split(x / 16, y, test_size=0.25, random_state=0, stratify=y)
model = MLPClassifier(
    hidden_layer_sizes=(options.units,),
    activation=options.activation,
    solver=options.solver,
    learning_rate_init=options.lr,
    momentum=options.momentum,
    max_iter=options.epochs,
    random_state=0,
)
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)  # so many epochs are the plan
    model.fit(x_train, y_train)

print(json.dumps({"error": 1.0 - model.score(x_valid, y_valid), "epochs": model.n_iter_}))
