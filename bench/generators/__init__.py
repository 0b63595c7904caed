"""This suite and other load generators on the same work: see `bench/compare_generators.py`."""
