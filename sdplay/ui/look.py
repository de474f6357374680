"""What the theme file cannot hold: logo, icon and font, all from this package and none from the
internet."""

import base64
from pathlib import Path

import streamlit as st

from sdplay.ui.components import component

ASSETS = Path(__file__).parent / "assets"
ICON = ASSETS / "favicon.png"
_FONT = base64.b64encode((ASSETS / "inter-latin-wght-normal.woff2").read_bytes()).decode()
_FACE_RULE = (
    '@font-face{font-family:"Inter";font-weight:100 900;font-display:swap;'
    f"src:url(data:font/woff2;base64,{_FONT})}}\n"
)

# Streamlit serves font files only from a folder beside the entry file; a style sheet can carry one
# anywhere.
# It goes to the browser once a session: Streamlit sends a long message again only when it changed.
_FACE = st.components.v2.component(
    "sdplay_font",
    html="<span hidden></span>\n",
    css=_FACE_RULE + Path(__file__).with_suffix(".css").read_text(encoding="utf-8"),
    isolate_styles=False,
)


_THEME, _ENLARGE = component("theme"), component("enlarge")


def floating() -> None:
    """The button that switches between light and dark, and the scripts that enlarge pictures. They
    are outside of the sidebar, which a phone hides."""
    _THEME(key="theme")
    _ENLARGE(key="enlarge")


def signs() -> None:
    """The tab's icon, and the logo that suits this background. It is drawn last because Streamlit
    imports numpy for it."""
    st.set_page_config(page_icon=ICON)
    name = "logo-dark.svg" if st.context.theme.type == "dark" else "logo-light.svg"
    st.logo(ASSETS / name, size="large", icon_image=ICON)


def font() -> None:
    """The theme's font, and no key names on buttons where there is no keyboard. Draw it last; it
    takes no room."""
    _FACE(key="font")
