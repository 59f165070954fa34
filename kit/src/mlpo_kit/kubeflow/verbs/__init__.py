"""The verbs that only Kubeflow projects have, one per module."""
