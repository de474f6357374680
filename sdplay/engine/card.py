"""What the shipped model says of itself."""

import json
from dataclasses import dataclass
from pathlib import Path

SHIPPED = Path(__file__).parent.parent / "model"


@dataclass(frozen=True)
class Card:
    """The file model.json."""

    name: str
    version: str
    things: tuple[str, ...]
    styles: tuple[str, ...]
    colours: tuple[str, ...]
    max_words: int
    preview: tuple[tuple[float, float, float], ...] = ()
    """Red, green and blue (-1 to 1) for each latent channel, and last for the ground."""

    @classmethod
    def read(cls, folder: Path = SHIPPED) -> "Card":
        fields = json.loads((folder / "model.json").read_text("utf-8"))
        lists = {name: tuple(fields[name]) for name in ("things", "styles", "colours")}
        preview = tuple((red, green, blue) for red, green, blue in fields["preview"])
        return cls(
            fields["name"],
            fields["version"],
            **lists,
            max_words=fields["max_words"],
            preview=preview,
        )
