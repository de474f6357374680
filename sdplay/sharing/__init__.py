"""How people share this server: whose turn it is, how many may wait, and whose time it was."""
