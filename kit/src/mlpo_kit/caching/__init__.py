"""Caching: what a result depends on, its key, and the results of earlier runs."""
