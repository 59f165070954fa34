"""A training pipeline: ingest, preprocess, validate, train, evaluate, register, deploy."""
