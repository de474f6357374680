"""A1111's API as this process serves it, so that every client of A1111 can use it."""
