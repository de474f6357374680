"""Where the seconds went: one stacked bar with its legend."""

import streamlit as st

from sdplay.compare.plan import lasting

COLOURS = {
    "waited": "gray",
    "queued": "yellow",
    "others' turns": "orange",
    "network": "blue",
    "load": "violet",
    "sampling": "primary",
    "decode": "green",
    "other": "gray",
}
_BAR = st.components.v2.component(
    "sdplay_timebar",
    html='<figure role="img"><div class="bar"></div><figcaption></figcaption></figure>\n',
    css="""
figure{margin:0;font-family:var(--st-font);color:var(--st-text-color)}
.bar{display:flex;gap:2px;height:8px;border-radius:4px;overflow:hidden;background:var(--st-secondary-background-color)}
.bar i{display:block;min-width:3px;background:var(--c)}
figcaption{display:flex;flex-wrap:wrap;gap:4px 14px;margin-top:8px;font-size:.82rem;color:var(--st-gray-text-color)}
figcaption span{white-space:nowrap}
figcaption span::before{content:"";display:inline-block;width:8px;height:8px;border-radius:2px;margin-right:6px;
  background:var(--c)}
""",
    js="""
export default function({data, parentElement}) {
  const made = (tag, part, text) => {
    const each = document.createElement(tag);
    each.style.setProperty("--c", `var(--st-${part.colour})`);
    each.textContent = text;
    return each;
  };
  parentElement.querySelector("figure").setAttribute("aria-label", data.said);
  parentElement.querySelector(".bar").replaceChildren(...data.parts.map(part => {
    const piece = made("i", part, "");
    piece.style.flex = `${part.seconds} 0 0`;
    return piece;
  }));
  parentElement.querySelector("figcaption").replaceChildren(
    ...data.parts.map(part => made("span", part, `${part.name} ${part.told}`)));
}
""",
)


def timebar(seconds: dict[str, float], key: str) -> None:
    """Draw the parts in their order; what is too short to see is left out."""
    parts = [
        {"name": name, "seconds": spent, "told": told(spent), "colour": _colour(name)}
        for name, spent in seconds.items()
        if spent >= 0.005
    ]
    if parts:
        said = ", ".join(f"{part['name']} {part['told']}" for part in parts)
        _BAR(key=key, data={"parts": parts, "said": f"Time spent: {said}"}, height="content")


def told(seconds: float) -> str:
    """A measured time as people say it."""
    return lasting(seconds)


def _colour(name: str) -> str:
    colour = COLOURS.get(name, "gray")
    return "primary-color" if colour == "primary" else f"{colour}-color"
