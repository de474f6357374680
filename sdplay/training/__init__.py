"""Data, training and export of the built-in model.  One resumable command: python -m
sdplay.training --help"""
