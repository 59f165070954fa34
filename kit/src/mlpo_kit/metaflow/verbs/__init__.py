"""The verbs that only Metaflow projects have, one per module."""
