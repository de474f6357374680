"""Dates and times in the browser's time zone."""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st


def spoken(moment: datetime) -> str:
    """A moment as the person at the browser reads it."""
    return in_zone(moment, st.context.timezone)


def in_zone(moment: datetime, name: str | None) -> str:
    """A moment in that time zone. If the zone is unknown it is in UTC, which is then written beside
    it."""
    zone = _zone(name)
    local = moment.astimezone(zone or UTC)
    return f"{local.day} {local:%b %Y, %H:%M}{'' if zone else ' UTC'}"


def _zone(name: str | None) -> tzinfo | None:
    """The time zone with this name, which a browser may have made up."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
