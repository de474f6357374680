"""The page without a browser: what a person sees after each act."""

import time
from pathlib import Path

ENTRY = str(Path(__file__).parent.parent / "streamlit_app.py")


def settled(page):
    """Run again until no picture is at work."""
    for _ in range(200):
        if not any(button.key == "cancel" for button in page.button):
            return page
        time.sleep(0.1)
        page.run()
    raise AssertionError("the picture never came")


def sentences(page):
    """Everything said on the page, without the marks that keep markdown out."""
    kinds = (page.info, page.warning, page.error, page.caption, page.markdown)
    return " ".join(each.value for kind in kinds for each in kind).replace("\\", "")
