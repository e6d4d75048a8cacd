"""Analyse results that exist already, whoever made them: no further training.

old_results.csv holds 50 random configurations of scikit-learn's MLPClassifier on 600 handwritten digits, evaluated by a
plain loop, with the error rate in 3-fold cross-validation. A study that trimtab itself stored in a file is opened by
tt.Study.load("study.db") instead.

    python examples/analyse_old_study.py
"""

import csv
from pathlib import Path

import trimtab as tt

# Say where the configurations came from: shares of variance are shares over this space.
space = {
    "hidden_layer_sizes": tt.Int(8, 128, log=True),
    "activation": tt.Categorical(["relu", "tanh", "logistic"]),
    "learning_rate_init": tt.Float(1e-4, 10.0, log=True),
    "momentum": tt.Float(0.0, 0.99),
    "alpha": tt.Float(1e-6, 1.0, log=True),
    "batch_size": tt.Int(16, 256, log=True),
}
study = tt.Study(space, direction="minimize", name="old results")

types = {"hidden_layer_sizes": int, "batch_size": int, "activation": str}  # the others are floats
with (Path(__file__).parent / "old_results.csv").open(newline="") as file:
    for row in csv.DictReader(file):
        error = float(row.pop("error"))
        study.add_trial({name: types.get(name, float)(text) for name, text in row.items()}, error)
print(study)

# Which of the six moved the error, over the whole space? A column of mere noise would get the verdict of a dead knob.
shares = study.sensitivity()
print()
print(shares)
print()
print("together:")
print(shares.interactions)

# How far may each one move from the best configuration before the error gets worse by half a percent?
print()
print(tt.sensitivity.one_at_a_time(study, epsilon=0.005))

# In which direction would the error fall, from there and on average?
print()
print(tt.sensitivity.gradient(study))

# All of it, and more, as one file that opens offline.
print()
print("written:", study.report("trimtab-report.html"))

# What should the next trial be? The study can go on from here with any sampler.
print("a good next trial:", study.ask().params)
