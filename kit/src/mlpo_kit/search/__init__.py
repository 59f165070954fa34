"""Sweeps: the search space, its trials, and the best of them."""
