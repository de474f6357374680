"""The tab Learn: questions that a small comparison answers."""
