"""The page: form, panels and widgets.  The only place that imports streamlit."""
