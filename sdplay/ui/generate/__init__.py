"""The tab Generate: one picture at a click, or several."""
