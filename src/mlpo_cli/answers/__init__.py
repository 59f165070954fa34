"""The answers document: read, validate and merge it; the table of the project's settings."""
