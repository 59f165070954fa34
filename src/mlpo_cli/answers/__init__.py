"""The answers document: load, validate, and settle the project's settings."""
