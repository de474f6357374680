"""The page: a form and tabs.  The only place that imports streamlit."""
