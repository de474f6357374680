"""Training pictures with captions that say what is in them, composed from drawings of named
things."""
