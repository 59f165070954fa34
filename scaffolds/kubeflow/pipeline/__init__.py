"""The Kubeflow Pipelines layer: connects the stages of `src/`, here and on a cluster."""
