"""The verbs that only Metaflow has: one verb, one file."""
