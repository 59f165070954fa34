"""Sweeps: the search space, its trials, and the choice of the best trial."""
