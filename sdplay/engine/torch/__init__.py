"""Diffusers checkpoints as the engine drives them: loading, LoRA, words, memory, upscalers."""
