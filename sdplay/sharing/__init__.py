"""How several people share one server: whose turn it is, how many may wait, how time at work is
shared out, and threads that survive."""
