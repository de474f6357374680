"""The tab Film: frames made from one another, or on the way between two settings."""
