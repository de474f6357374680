"""Measures how far pictures are apart, and turns a finished comparison into sentences."""
