"""The parts of `python benchmarks/constraint.py`."""
