"""The page.  Wiring only: theme, sidebar form, tabs."""
