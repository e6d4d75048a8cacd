"""Grid search of a neural network: every combination once, exactly as GridSearchCV does it, and then what it tells.

python examples/grid_search.py
"""

import warnings

from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from trimtab.integrations.sklearn import SearchCV

warnings.simplefilter("ignore", ConvergenceWarning)  # 20 epochs are few; they keep this example quick

x, y = load_digits(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x / 16, y, train_size=600, random_state=0)

# The dictionary that GridSearchCV takes.
grid = {
    "hidden_layer_sizes": [(16,), (64,)],
    "activation": ["relu", "tanh"],
    "learning_rate_init": [0.0003, 0.001, 0.003, 0.01],
}

# sampler="grid" tries all 2 x 2 x 4 combinations. A SearchCV is a scikit-learn estimator: fit, predict, score.
search = SearchCV(MLPClassifier(max_iter=20, random_state=0), grid, sampler="grid", cv=3, random_state=0)
search.fit(x_train, y_train)

print(f"{len(search.cv_results_['params'])} combinations, best of them: {search.best_params_}")
print(
    f"accuracy: {search.best_score_:.3f} in cross-validation, {search.score(x_test, y_test):.3f} on data it never saw"
)

# The same trials say which of the three matter, alone (main) or together with others (total).
print()
print(search.study_.sensitivity())
