"""Small pictures to click: a strip or a grid of the library's thumbnails."""

import base64
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import streamlit as st


@dataclass(frozen=True)
class Tile:
    """One thumbnail and what is said about it."""

    id: str
    jpeg: bytes
    label: str
    """Shown when the pointer rests on it; read aloud with the caption and its position."""
    caption: str = ""


LOOK = """
button{padding:0;border:0;background:none;cursor:pointer;text-align:left;color:inherit;font:inherit;min-width:0}
img{display:block;width:100%;aspect-ratio:1;object-fit:cover;border-radius:var(--st-base-radius);
  background:var(--st-secondary-background-color);outline:1px solid var(--st-border-color);outline-offset:-1px}
button:hover img{outline:2px solid var(--st-primary-color)}
button:focus-visible{outline:none}
button:focus-visible img{outline:3px solid var(--st-primary-color);outline-offset:0}
span{display:block;margin:6px 2px 4px;font-size:.82rem;line-height:1.35;color:var(--st-gray-text-color);
  overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
span:empty{display:none}
"""
"""How a thumbnail looks, wherever it stands."""
_TILES = st.components.v2.component(
    "sdplay_tiles",
    html='<div class="tiles" role="list"></div>\n',
    css="""
.tiles{display:grid;gap:10px;grid-template-columns:repeat(auto-fill,minmax(var(--tile),1fr));font-family:var(--st-font)}
.tiles.strip{display:flex;overflow-x:auto;padding:3px;margin:-3px;scrollbar-width:thin;
  scrollbar-color:var(--st-border-color) transparent}
.strip button{flex:0 0 var(--tile)}
"""
    + LOOK,
    js="""
export default function({data, parentElement, setTriggerValue}) {
  const place = parentElement.querySelector(".tiles");
  const shown = data.tiles.map(tile => tile.id + tile.caption).join();
  if (place.dataset.shown === shown) return;
  place.dataset.shown = shown;
  place.classList.toggle("strip", data.strip);
  place.style.setProperty("--tile", data.width + "px");
  place.replaceChildren(...data.tiles.map((tile, at) => {
    const button = document.createElement("button"), image = new Image(), caption = document.createElement("span");
    button.type = "button";
    const position = data.tiles.length > 1 ? `, ${at + 1} of ${data.tiles.length}` : "";
    button.title = tile.label;
    button.setAttribute("aria-label", [tile.label, tile.caption].filter(Boolean).join(", ") + position);
    image.src = "data:image/jpeg;base64," + tile.jpeg;
    image.alt = "";
    caption.textContent = tile.caption;
    button.append(image, caption);
    button.onclick = () => setTriggerValue("opened", tile.id);
    const item = document.createElement("div");
    item.setAttribute("role", "listitem");
    item.style.display = "contents";
    item.append(button);
    return item;
  }));
}
""",
)


def tiles(shown: Iterable[Tile], key: str, width: int = 180, strip: bool = False) -> str:
    """The id of the tile that was just clicked, else nothing.  A strip scrolls sideways in one
    row."""
    told = [{**asdict(tile), "jpeg": base64.b64encode(tile.jpeg).decode()} for tile in shown]
    result = _TILES(
        key=key,
        data={"tiles": told, "width": width, "strip": strip},
        height="content",
        on_opened_change=lambda: None,
    )
    return str(result.get("opened") or "")
