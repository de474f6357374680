"""Negative prompts to pick, for models that learnt from photographs and paintings."""

NEGATIVES = (
    "blurry, noisy, low quality",
    "text, watermark, signature, frame",
    "extra fingers, deformed hands, distorted face",
    "cropped, cut off, out of frame",
)
"""The first is what the page begins with."""
