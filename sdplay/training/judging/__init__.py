"""The judge of what was learnt: how it learns itself, what it is asked, what it says."""
