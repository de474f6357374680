"""The same start noise as torch's CPU generator, without torch: a seed means the same picture
everywhere.

torch seeds a Mersenne twister with the seed modulo 2^32 and turns its 32-bit words into normal
values with the Box-Muller method, eight pairs at a time.
"""

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


class TorchNoise:
    """What torch.Generator().manual_seed(seed) and torch.randn would draw; one stream, drawn from
    in order."""

    def __init__(self, seed: int) -> None:
        self._words = np.random.MT19937()
        self._words._legacy_seeding(seed % 2**32)

    def randn(self, shape: tuple[int, ...]) -> Array:
        """Unit normal values; at least 16 of them, below that torch goes another way."""
        count = math.prod(shape)
        if count < 16:
            raise ValueError(
                f"Noise of {count} values is not reproduced; latents have at least 16."
            )
        values = self._uniform(count)
        whole = count - count % 16
        values[:whole] = _normal(values[:whole])
        if whole < count:
            values[-16:] = _normal(self._uniform(16))
        return values.reshape(shape)

    def copy(self) -> "TorchNoise":
        """A stream that goes on from the same place."""
        twin = TorchNoise(0)
        twin._words.state = self._words.state
        return twin

    def _uniform(self, count: int) -> Array:
        words = self._words.random_raw(count).astype(np.uint32)
        return ((words & 0xFFFFFF) * np.float32(2**-24)).astype(np.float32)


def _normal(uniform: Array) -> Array:
    pairs = uniform.reshape(-1, 2, 8)
    radius = np.sqrt(np.float32(-2) * np.log1p(-pairs[:, 0]))
    angle = np.float32(2 * math.pi) * pairs[:, 1]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).reshape(-1)
