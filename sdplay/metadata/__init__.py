"""Settings in and out of picture files: A1111's infotext, which other programs read, beside our own
full record."""

from sdplay.metadata.files import (
    MAX_PIXELS,
    OURS,
    SUFFIXES,
    VISITOR_PIXELS,
    Found,
    adopted,
    converted,
    decoded,
    read,
    record,
    sign,
)
from sdplay.metadata.infotext import (
    NAMES,
    hires_pair,
    infotext,
    parse_infotext,
    scheduler_of,
    script_of,
    settings_from,
)

__all__ = [
    "MAX_PIXELS",
    "NAMES",
    "OURS",
    "SUFFIXES",
    "VISITOR_PIXELS",
    "Found",
    "adopted",
    "converted",
    "decoded",
    "hires_pair",
    "infotext",
    "parse_infotext",
    "read",
    "record",
    "scheduler_of",
    "script_of",
    "settings_from",
    "sign",
]
