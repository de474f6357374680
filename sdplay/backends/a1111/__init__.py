"""Any server that speaks A1111's API: AUTOMATIC1111, Forge, SD.Next, stable-diffusion.cpp, Draw
Things, KoboldCpp."""

from sdplay.backends.a1111.backend import A1111

__all__ = ["A1111"]
BACKEND = A1111
