"""The local process: checkpoints served to many clients, in A1111's API and in our own stream of
events."""
