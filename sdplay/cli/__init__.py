"""`python -m sdplay`: the same actions as on the page, without a browser.  One file a command."""
