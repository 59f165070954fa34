"""Caching: what a result depends on, its cache key, and results of earlier runs."""
