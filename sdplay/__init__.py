"""sdplay: a parameter playground for Stable Diffusion that proves what ran."""

__version__ = "0.1.0"
