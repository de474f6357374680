"""The page without a browser: what a person sees after each act."""

import time
from functools import cache
from pathlib import Path

ENTRY = str(Path(__file__).parent.parent / "streamlit_app.py")


@cache
def components():
    """The registry that a server has once; each AppTest would look through every package for it."""
    from streamlit.components.v2.component_manager import BidiComponentManager

    return BidiComponentManager()


def new_page():
    """The page as somebody opens it in a browser of their own."""
    from streamlit.testing.v1 import AppTest

    page = AppTest.from_file(ENTRY, default_timeout=120)
    page._bidi_component_manager = components()
    return page


def pause_for_pictures(seconds=5.0):
    """Wait while pictures are at work: a run of the page would only slow them down."""
    from sdplay.ui import session

    until = time.monotonic() + seconds
    time.sleep(0.01)
    while session.jobs().crowd() and time.monotonic() < until:
        time.sleep(0.01)


def settled(page):
    """Run again until no picture is at work."""
    for _ in range(1200):
        if not any(button.key == "cancel" for button in page.button):
            return page
        pause_for_pictures()
        page.run()
    raise AssertionError("the picture never came")


def sentences(page):
    """Everything said on the page, without the marks that keep markdown out."""
    kinds = (page.info, page.warning, page.error, page.caption, page.markdown)
    return " ".join(each.value for kind in kinds for each in kind).replace("\\", "")
