"""The tab Compare: what to vary, the sweep at work, and what its pictures say."""
