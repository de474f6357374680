"""The engine: samplers, torch's noise without torch, a batching loop, and adapters for the models
that it drives."""
