"""`mlpo check`: what breaks or costs money in pipelines on Metaflow, Kubeflow Pipelines and ZenML.

Nothing that is checked is imported or executed.
"""
