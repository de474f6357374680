"""A recipe: settings, backend and model version, and the keys by which the library finds its
picture."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property

from sdplay.params import FIRST_KNOBS, Params


@dataclass(frozen=True)
class Recipe:
    """What names one picture."""

    params: Params
    backend: str
    version: str = ""
    """The weights, as `Backend.model_version` names them."""

    @cached_property
    def key(self) -> str:
        """The key of today's version."""
        return self.params.key(self.backend, self.version)

    @property
    def first_key(self) -> str:
        """The key as it was before keys had a version: over every setting there was then."""
        values = self.params.as_dict()
        named = {
            name: _NUMBERS.get(name, "") if values[name] is None else values[name]
            for name in FIRST_KNOBS
        }
        text = json.dumps([named, self.backend, self.version], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


_NUMBERS = {"eta": 0.0, "clip_skip": 1}
"""What stood for the server's own value then."""
