"""Evidence: how far pictures are apart, and what a finished comparison says by that."""
