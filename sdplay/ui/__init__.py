"""The page: form, panels and widgets.  The only place that imports streamlit."""

from pathlib import Path

from streamlit.components.v1 import declare_component

ASSETS = Path(__file__).parent / "assets"

# The theme's font lies among these files.  Streamlit serves static files only from a folder beside the entry file, but
# a component's files from anywhere: under component/sdplay.ui.assets/, the address that .streamlit/config.toml names.
declare_component("assets", path=ASSETS)
