"""The tab Generate: one picture for a click, or several."""
