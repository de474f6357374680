"""Every error we raise on purpose.  A message is one or two sentences for the person: what is
wrong, then what to do.

PlayError
├── BadParams          a setting is out of range or unreadable: nothing was sent
├── BackendError       the backend could not make the picture
│   ├── BackendOffline   nothing answers there
│   ├── BackendRefused   it answered and said no (key, quota, validation); `retry_after` when it
told how long to wait
│   └── BackendBroken    it answered with something that is no picture
│       └── BackendLost    the connection ended in the middle: it may have crashed
├── Cancelled          the person stopped it
└── LibraryError       a picture could not be kept, found or read
    └── LibraryAway      its database or store does not answer: asking again later may help
"""

OUR_FAULT = "Something went wrong inside the app; its log has the details. Try again."
"""What a person reads of a fault in our own code."""


class PlayError(Exception):
    """Shown to the person as it stands."""


class BadParams(PlayError):
    """A setting is out of range or unreadable."""


class BackendError(PlayError):
    """The backend could not make the picture."""


class BackendOffline(BackendError):
    """Nothing answers at the backend's address."""


class BackendRefused(BackendError):
    """The backend answered, and said no."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class BackendBroken(BackendError):
    """The backend answered with something that is no picture."""


class BackendLost(BackendBroken):
    """The connection ended in the middle of the answer."""


class Cancelled(PlayError):
    """The person stopped it."""


class LibraryError(PlayError):
    """A picture could not be kept, found or read."""


class LibraryAway(LibraryError):
    """The database or the picture store does not answer, or broke off: later it may."""
