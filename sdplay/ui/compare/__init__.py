"""The tab Compare: what varies, the sweep at work, and what its pictures answer."""
