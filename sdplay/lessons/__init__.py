"""Lessons as files: a question, a plan that answers it, and a claim that numbers check."""
