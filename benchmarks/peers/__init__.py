"""Our samplers beside other tools, each in its own virtual environment: `python -m benchmarks.peers --help`."""
