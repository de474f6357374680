"""How people share this server: whose turn it is, how many may wait, whose time it was, and
threads that go on for all."""
