"""The form: one control for each setting, the start image, and the local process's card."""
