"""Random search of a neural network with scipy distributions: the dictionary of RandomizedSearchCV works as it is.

python examples/random_search.py
"""

import warnings

from scipy.stats import loguniform, randint
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from trimtab.integrations.sklearn import SearchCV

warnings.simplefilter("ignore", ConvergenceWarning)

x, y = load_breast_cancer(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=0)

# Parameters of a pipeline's step are written step__parameter, as everywhere in scikit-learn.
network = make_pipeline(StandardScaler(), MLPClassifier(max_iter=30, random_state=0))
distributions = {
    "mlpclassifier__learning_rate_init": loguniform(1e-4, 1e-1),
    "mlpclassifier__alpha": loguniform(1e-6, 1e0),
    "mlpclassifier__batch_size": randint(16, 129),
    "mlpclassifier__activation": ["relu", "tanh", "logistic"],
}

# random_state makes it the same search each time. n_jobs=-1 would use all cores.
search = SearchCV(network, distributions, sampler="random", n_trials=25, cv=3, scoring="neg_log_loss", random_state=0)
search.fit(x_train, y_train)

# Random points are spread as declared, so what they say about the whole space is not bent by a search for the best.
print("the five best of 25 random configurations (log loss, mean of 3 folds):")
trials = sorted(search.study_.trials, key=lambda trial: trial.value, reverse=True)
for trial in trials[:5]:
    params = {name.removeprefix("mlpclassifier__"): value for name, value in trial.params.items()}
    print(f"  {-trial.value:.4f}  {params}")
print(f"log loss of the best on data it never saw: {-search.score(x_test, y_test):.4f}")
print()
print(search.study_.sensitivity())
