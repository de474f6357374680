"""A thread for work that must go on: if it dies, another takes its place."""

import threading
import time
from collections.abc import Callable

PAUSE_SECONDS = 1.0
"""Before the next try, so that a fault that stays costs no processor."""


def revived(name: str, work: Callable[[], None], pause: float = PAUSE_SECONDS) -> threading.Thread:
    """Begin this work, which ends by returning; its daemon thread, the first of maybe several."""

    def run() -> None:
        returned = False
        try:
            work()
            returned = True
        finally:  # the fault goes on to the log; it may be of any kind
            if not returned:
                time.sleep(pause)
                revived(name, work, pause)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread
