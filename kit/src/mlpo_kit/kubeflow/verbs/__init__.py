"""The verbs of the command line that only Kubeflow has, one in each module."""
