"""The tab Sketch: draw, and the picture follows."""
