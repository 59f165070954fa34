"""What an ML pipeline project stands on, for Metaflow, Kubeflow Pipelines and ZenML alike."""
