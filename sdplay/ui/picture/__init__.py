"""One picture: large, with its receipt, what can be made of it, and two under the glass."""
