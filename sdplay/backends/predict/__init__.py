"""One hosted endpoint: Cog, Replicate, OpenAI images, Hugging Face inference, OctoAI."""

from sdplay.backends.predict.backend import Predict

__all__ = ["Predict"]
BACKEND = Predict
