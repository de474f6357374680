"""Settings to kept picture: look in the library, else ask the backend, then keep what it made."""

from collections.abc import Iterator

from sdplay.backends import Backend
from sdplay.errors import BackendBroken
from sdplay.library import Kept, Library
from sdplay.params import Params
from sdplay.picture import Picture, Progress


def make(params: Params, backend: Backend, library: Library, owner: str = "") -> Iterator[Progress | Kept]:
    """Yield progress, then the kept picture.  Stop iterating and the backend stops too.

    The same recipe of the same owner is never made twice, unless frames are wanted that were not kept.
    """
    key = params.key(backend.name, backend.model_version(params))
    known = library.by_key(key, owner)
    if known and (known.has_frames or not backend.keep_frames):
        yield known
        return
    events = backend.generate(params)
    try:
        for event in events:
            if isinstance(event, Picture):
                yield library.save(event, owner, key=key)
                return
            yield event
    finally:
        close = getattr(events, "close", None)
        if close:
            close()
    raise BackendBroken(f"{backend.label} ended without a picture. Try again, or check the backend.")
