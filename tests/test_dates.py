"""Dates are told as the clock beside the browser shows them."""

from datetime import UTC, datetime

import pytest

from sdplay.ui.dates import in_zone

SUMMER, WINTER = datetime(2026, 7, 1, 22, 5, tzinfo=UTC), datetime(2026, 1, 9, 22, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "zone", "spoken"),
    [
        (SUMMER, "Europe/Berlin", "2 Jul 2026, 00:05"),
        (WINTER, "Europe/Berlin", "9 Jan 2026, 23:05"),
        (WINTER, None, "9 Jan 2026, 22:05 UTC"),
        (WINTER, "Not/A Zone", "9 Jan 2026, 22:05 UTC"),
        (WINTER, "../../etc/passwd", "9 Jan 2026, 22:05 UTC"),
    ],
)
def test_a_moment_is_told_in_the_browsers_zone_or_in_utc(moment, zone, spoken):
    assert in_zone(moment, zone) == spoken
