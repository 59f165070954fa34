"""What mlpo does with a project after it is generated: commit it, run it."""
