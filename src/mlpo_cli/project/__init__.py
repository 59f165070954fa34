"""What mlpo does in a project once it is there: commit it, run it."""
