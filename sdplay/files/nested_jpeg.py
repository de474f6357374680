"""A small JPEG that travels inside a larger one: a single file, and both are read from it without
decoding a picture."""

SEGMENT = b"\xff\xeb"
"""An application segment, which every program that does not know it passes over."""
NAME = b"sdplay small\0"
LONGEST = 0xFFFF
"""The most bytes of a segment, with its name and the two that tell its length."""


def nested(large: bytes, small: bytes) -> bytes:
    """The larger JPEG with the small one inside, or alone if there is no room for that."""
    length = 2 + len(NAME) + len(small)
    if length > LONGEST:
        return large
    head = _head(large)
    return large[:head] + SEGMENT + length.to_bytes(2, "big") + NAME + small + large[head:]


def parted(jpeg: bytes) -> tuple[bytes, bytes]:
    """The larger JPEG, and the small one from inside it, which is empty if there is none."""
    head = _head(jpeg)
    start = head + len(SEGMENT) + 2
    if not jpeg.startswith(SEGMENT, head) or not jpeg.startswith(NAME, start):
        return jpeg, b""
    end = head + len(SEGMENT) + int.from_bytes(jpeg[start - 2 : start], "big")
    return jpeg[:head] + jpeg[end:], jpeg[start + len(NAME) : end]


def _head(jpeg: bytes) -> int:
    """Where the first segment ends, which says that this is a JPEG."""
    return 4 + int.from_bytes(jpeg[4:6], "big")
