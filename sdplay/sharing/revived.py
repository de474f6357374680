"""A thread for work that must go on: if it dies, another one takes over."""

import threading
import time
from collections.abc import Callable

PAUSE_SECONDS = 1.0
"""Before the next try, so that a fault that stays costs no processor."""


def revived(name: str, work: Callable[[], None], pause: float = PAUSE_SECONDS) -> threading.Thread:
    """Start this work in a daemon thread; when it ends with an error, a new thread begins it again,
    and when it returns, that was the last."""

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
