"""Pictures that move: each frame made from the one before, or on the way between two settings."""

from sdplay.film.between import FromTo
from sdplay.film.shooting import Crew, Shooting, check
from sdplay.film.storyboard import MOST_FRAMES, FrameToFrame, Storyboard

__all__ = ["MOST_FRAMES", "Crew", "FrameToFrame", "FromTo", "Shooting", "Storyboard", "check"]
