"""Training: devices, batches, checkpoints, and the processes that train one model."""
