"""A recipe: settings, backend and model version, with the keys under which the library finds its
picture."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property

from sdplay.params import FIRST_KNOBS, Params


@dataclass(frozen=True)
class Recipe:
    """Everything that determines one picture."""

    params: Params
    backend: str
    version: str = ""
    """The version of the weights, as `Backend.model_version` names it."""

    @cached_property
    def key(self) -> str:
        """The recipe's key in today's form."""
        return self.params.key(self.backend, self.version)

    @property
    def first_key(self) -> str:
        """The key from before keys had a version, over all settings that existed then."""
        values = self.params.as_dict()
        named = {
            name: _NUMBERS.get(name, "") if values[name] is None else values[name]
            for name in FIRST_KNOBS
        }
        text = json.dumps([named, self.backend, self.version], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


_NUMBERS = {"eta": 0.0, "clip_skip": 1}
"""The numbers that once stood for "the server's own value"."""
