"""What the browser itself stores about the lessons: read once in a visit, then written."""

from sdplay.ui.components import component

_DIARY = component("diary")


def diary(text: str, read: bool) -> str | None:
    """Stores this text in the browser; an empty one removes it. Until the stored text was `read`,
    nothing is written, and it arrives one run later."""
    result = _DIARY(
        key="lesson_diary",
        data={"text": text, "read": read},
        on_record_change=lambda: None,
    )
    found = result.get("record")
    return None if found is None else str(found)
