"""Short links: a long text under a short id, in the index and in a file of its own."""

from base64 import b32encode
from contextlib import suppress
from hashlib import sha256

from sdplay.errors import BadParams, LibraryError
from sdplay.library.files import Store
from sdplay.library.sql.links import LinkRoom, Links

MAX_LINK = 100_000


class ShortLinks:
    """The short links of one library."""

    def __init__(self, links: Links, files: Store, room: LinkRoom | None = None) -> None:
        self._links, self._files, self._room = links, files, room or LinkRoom()

    def shorten(self, text: str, owner: str | None) -> str:
        """Returns a short id for a long text; the same text always has the same id.

        None as the owner is the administrator, whose links do not count against the room for links.
        """
        if len(text) > MAX_LINK:
            raise BadParams(
                f"The link is {len(text)} letters long; more than {MAX_LINK} are not kept."
            )
        data = text.encode("utf-8", "replace")
        name = b32encode(sha256(data).digest()).decode().lower()
        for length in (8, 16, 32):
            id = name[:length]
            self._put(id, text, owner)
            if self._links.text(id) == text:
                self._files.write("links", id, data)
                return id
        raise LibraryError("The link could not be shortened. Copy the long one.")

    def expanded(self, id: str) -> str | None:
        """The long text of a short id, or None if there is none."""
        text = self._links.text(id) if id.isalnum() and len(id) <= 32 else None
        if text is not None:
            with suppress(LibraryError):  # a database that takes no writing still opens links
                self._links.opened(id)
        return text

    def _put(self, id: str, text: str, owner: str | None) -> None:
        if owner is None:
            self._links.put(id, text)
            return
        for gone in self._links.add(id, text, owner, self._room):
            self._files.remove("links", gone)
