"""A request as a receipt may show it: pictures by their names, keys blanked."""

from collections.abc import Callable
from typing import Any

from sdplay.files.decode import NotAPicture, checked, from_base64
from sdplay.files.picture_file import image_name


def shown(value: Any, clean: Callable[[str], str]) -> Any:
    """The value with every text cleaned and every picture inside it named."""
    if isinstance(value, dict):
        return {name: shown(part, clean) for name, part in value.items()}
    if isinstance(value, list):
        return [shown(part, clean) for part in value]
    if not isinstance(value, str):
        return value
    return _image_name(value) or clean(value)


def _image_name(text: str) -> str:
    """The name of the picture that a long base64 text holds; empty when it holds none."""
    if len(text) < 64:
        return ""
    try:
        return image_name(checked(from_base64(text)))
    except NotAPicture:
        return ""
