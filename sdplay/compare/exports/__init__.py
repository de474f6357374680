"""A comparison to take away: sheets, animations, charts, tables and the HTML report."""
