"""COCO's mixed-integer and noisy suites: a check that nothing is tuned to tables of networks."""
