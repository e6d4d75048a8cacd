"""Tables of the searches with and without gradients: who needs how many trials, told from made-up rows."""

from benchmarks.gradients.sharpness import table
from benchmarks.gradients.tables import searches


def rows(values, gradients, seed):
    return {"problem": "digits adam", "gradients": gradients, "seed": seed, "values": values}


def cells(text):
    names, _, *lines = ([cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines())
    return [dict(zip(names, line, strict=True)) for line in lines]


def test_trials_to_the_level_of_the_search_without_gradients():
    slow = [9.0] * 10 + [5.0] * 9 + [1.0]
    fast = [9.0, 3.0, 1.0] + [2.0] * 17
    never = [9.0, None] + [4.0] * 18
    found = cells(
        searches(
            [rows(slow, False, s) for s in range(3)] + [rows(v, True, s) for s, v in enumerate((fast, fast, never))]
        )
    )

    assert found == [
        {
            "problem": "digits adam",
            "hyperparameters": "4",
            "seeds": "3",
            "level at 20": "1",
            "trials with gradients": "3 (3 to > 20)",
            "share within 10": "67%",
            "mean curve": "> 20",
            "trials without": "20",
            "at 10: without": "9",
            "with": "2",
            "with, at 20": "2",
        }
    ]


def test_sharpness_is_a_mean_over_the_designs():
    one = {"error": 0.2, "width": 0.6, "held": 1.0}
    found = cells(
        table([{"problem": "p", "seed": s, "10 without": one, "10 with": {**one, "error": 0.1 * s}} for s in range(2)])
    )

    assert found[0]["error without"] == "0.2"
    assert found[0]["error with"] == "0.05"
    assert found[0]["designs"] == "2"
