"""Fixtures for a project's tests, and sample data."""
