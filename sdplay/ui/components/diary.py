"""What the browser itself keeps of the lessons: read once in a visit, then written."""

from sdplay.ui.components import component

_DIARY = component("diary")


def diary(text: str, read: bool) -> str | None:
    """Keep this text, or nothing when it is empty.  Until it was `read`, nothing is written, and
    what is there comes back one run later."""
    result = _DIARY(
        key="lesson_diary",
        data={"text": text, "read": read},
        on_record_change=lambda: None,
    )
    found = result.get("record")
    return None if found is None else str(found)
