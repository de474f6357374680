"""Decides which cells of a comparison are worth making, which parts of a prompt to leave out, and
which cells stay."""
