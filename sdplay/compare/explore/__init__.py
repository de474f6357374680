"""Ways through a comparison: which cells to make at all, which parts of a prompt to leave out, and
which cells to keep."""
