"""The library's pictures in groups, without end: the browser keeps what it was sent, a run sends
one stretch of it."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

from sdplay.ui.tiles import LOOK, Tile


@dataclass(frozen=True)
class Placed:
    """A tile, when its picture was made, and the group it stands in."""

    tile: Tile
    at: int
    group: int


@dataclass(frozen=True)
class Stretch:
    """All that there is between two moments, both in it; None is no end.  What else stood there is
    taken away."""

    tiles: tuple[Placed, ...]
    newest: int | None = None
    oldest: int | None = None


@dataclass(frozen=True)
class Heading:
    """What stands above a group."""

    title: str
    told: str


@dataclass(frozen=True)
class Done:
    """What the person just did."""

    opened: str = ""
    """The tile that was clicked."""
    dropped: bytes = b""
    """The file that was dropped anywhere on the page."""
    refused: str = ""
    """Why a dropped file was not read."""


LARGEST = 50_000_000
REFUSALS = {
    "large": f"A file of more than {LARGEST // 10**6} MB is not read here. Drop the picture alone.",
    "unreadable": "This cannot be read. Drop a picture file.",
}


_GALLERY = st.components.v2.component(
    "sdplay_gallery",
    html="""<div class="gallery"></div><button type="button" class="end">Show more</button>
<div class="drop" hidden>Drop it to read its settings</div>
""",
    css=LOOK
    + """
.gallery{font-family:var(--st-font);color:var(--st-text-color)}
section{content-visibility:auto;contain-intrinsic-size:auto 240px;margin-bottom:22px;padding:2px;margin-inline:-2px}
h4{margin:0 0 2px;font-size:1rem;font-weight:600;line-height:1.4;overflow-wrap:anywhere;display:-webkit-box;
  -webkit-line-clamp:2;-webkit-box-orient:vertical;overflow:hidden}
p{margin:0 0 10px;font-size:.87rem;line-height:1.4;color:var(--st-gray-text-color)}
.tiles{display:grid;gap:10px;align-items:start;grid-template-columns:repeat(auto-fill,minmax(150px,1fr))}
.tiles button{position:relative}
.tiles span{white-space:normal;display:-webkit-box;-webkit-line-clamp:2;-webkit-box-orient:vertical}
[aria-pressed=true] img{outline:3px solid var(--st-primary-color)!important;outline-offset:0}
[aria-pressed]::after{content:"";position:absolute;top:8px;right:8px;width:22px;height:22px;border-radius:50%;
  background:#fffd;outline:2px solid var(--st-primary-color)}
[aria-pressed=true]::after{content:"✓";background:var(--st-primary-color);color:var(--st-background-color);text-align:center;
  font:600 14px/22px var(--st-font)}
.end{display:block;margin:4px auto;padding:8px 16px;color:var(--st-gray-text-color);font-size:.87rem}
.end:focus-visible{outline:2px solid var(--st-primary-color);border-radius:var(--st-base-radius)}
.drop{position:fixed;inset:16px;z-index:1000;display:grid;place-items:center;border-radius:16px;pointer-events:none;
  border:3px dashed var(--st-primary-color);background:var(--st-background-color);opacity:.93;
  font:600 1.3rem var(--st-font);color:var(--st-text-color)}
[hidden]{display:none!important}
@media (max-width:480px){.tiles{grid-template-columns:repeat(3,1fr);gap:6px}}
""",
    js="""
const LISTS = new WeakMap();  // what stands in the page already
const made = (tag, kind) => { const each = document.createElement(tag); each.className = kind; return each; };
const newestFirst = (one, other) => other.at - one.at;

export default function({data, parentElement, setTriggerValue}) {
  const $ = name => parentElement.querySelector(name);
  const place = $(".gallery"), end = $(".end"), drop = $(".drop");
  let list = LISTS.get(parentElement);
  if (list?.name !== data.name) {
    list = {name: data.name, tiles: new Map(), groups: new Map(), whole: false};
    LISTS.set(parentElement, list);
    place.replaceChildren();
  }

  const group = id => {
    if (!list.groups.has(id)) {
      const node = made("section", ""), title = made("h4", ""), told = made("p", ""), tiles = made("div", "tiles");
      tiles.setAttribute("role", "list");
      node.append(title, told, tiles);
      list.groups.set(id, {node, title, told, tiles, members: new Set()});
    }
    return list.groups.get(id);
  };
  const put = ({tile, at, group: id}) => {
    let held = list.tiles.get(tile.id);
    if (!held) {
      const node = made("div", ""), button = made("button", ""), image = new Image(), caption = made("span", "");
      node.setAttribute("role", "listitem");
      node.style.display = "contents";
      button.type = "button";
      image.alt = "";
      image.loading = "lazy";
      button.append(image, caption);
      node.append(button);
      held = {node, button, image, caption, id: tile.id, at, group: id};
      list.tiles.set(tile.id, held);
      group(id).members.add(held);
      image.src = "data:image/jpeg;base64," + tile.jpeg;
    }
    held.caption.textContent = tile.caption;
    held.button.title = tile.label;
    held.label = [tile.label, tile.caption].join(", ");
    held.button.onclick = () => setTriggerValue("opened", tile.id);
    return held;
  };
  const take = held => {
    held.node.remove();
    list.tiles.delete(held.id);
    group(held.group).members.delete(held);
    return held.group;
  };

  const touched = new Set();
  for (const {tiles, newest, oldest} of data.stretches) {
    const fresh = new Set(tiles.map(each => each.tile.id));
    const known = [...list.tiles.values()];
    if (newest !== null && !known.some(held => held.at === newest + 1 || held.at === newest)) continue;
    // So much is new that nothing joins it to what stands here: begin anew, scrolling brings the rest.
    const apart = newest === null && oldest !== null && known.every(held => held.at < oldest);
    if (apart) list.whole = false;
    for (const held of known)
      if (!fresh.has(held.id) && (apart || ((newest === null || held.at <= newest)
          && (oldest === null || held.at >= oldest)))) touched.add(take(held));
    for (const each of tiles) { put(each); touched.add(each.group); }
    list.whole ||= oldest === null;
  }
  for (const id of touched) {
    const one = group(id), members = [...one.members].sort(newestFirst);
    if (!members.length) { one.node.remove(); list.groups.delete(id); continue; }
    one.at = members[0].at;
    members.forEach((held, at) => {
      held.button.setAttribute("aria-label", `${held.label}, ${at + 1} of ${members.length}`);
      if (one.tiles.children[at] !== held.node) one.tiles.insertBefore(held.node, one.tiles.children[at] ?? null);
    });
  }
  for (const [id, {title, told}] of Object.entries(data.headings)) {
    const one = list.groups.get(Number(id));
    if (one) { one.title.textContent = title; one.told.textContent = told; }
  }
  [...list.groups.values()].sort(newestFirst).forEach((one, at) => {
    if (place.children[at] !== one.node) place.insertBefore(one.node, place.children[at] ?? null);
  });
  const chosen = data.chosen && new Set(data.chosen);
  for (const {id, button} of list.tiles.values())
    chosen ? button.setAttribute("aria-pressed", chosen.has(id)) : button.removeAttribute("aria-pressed");

  end.hidden = list.whole || !list.tiles.size;
  let asked = false;
  const more = () => {
    if (asked || end.hidden) return;
    asked = true;
    setTriggerValue("more", Math.min(...[...list.tiles.values()].map(held => held.at)));
  };
  end.onclick = more;
  const watch = new IntersectionObserver(seen => { if (seen.some(each => each.isIntersecting)) more(); },
                                         {rootMargin: "900px"});
  watch.observe(end);

  const mine = event => [...event.dataTransfer?.types ?? []].includes("Files")
    && !event.composedPath().some(each => each.dataset?.testid?.startsWith("stFileUploader"));
  const over = event => { if (mine(event)) { event.preventDefault(); drop.hidden = false; } };
  const left = event => { if (!event.relatedTarget) drop.hidden = true; };
  const dropped = async event => {
    drop.hidden = true;
    const file = event.dataTransfer?.files[0];
    if (!mine(event) || !file) return;
    event.preventDefault();
    if (file.size > data.largest) return setTriggerValue("refused", "large");
    const reader = new FileReader();
    reader.onerror = () => setTriggerValue("refused", "unreadable");  // such as a folder
    reader.onload = () => setTriggerValue("dropped", reader.result.split(",")[1] ?? "");
    reader.readAsDataURL(file);
  };
  const listening = {dragover: over, dragleave: left, drop: dropped};
  for (const [name, act] of Object.entries(listening)) document.addEventListener(name, act);
  return () => {
    watch.disconnect();
    for (const [name, act] of Object.entries(listening)) document.removeEventListener(name, act);
  };
}
""",
)


def gallery(
    name: str,
    stretches: Iterable[Stretch],
    headings: Mapping[int, Heading],
    chosen: Sequence[str] | None,
) -> Done:
    """Draw a list; one of another name begins anew.  With `chosen` a click chooses, and these are.

    In the run after the end came into sight, `asked_for()` tells from where to go on.
    """
    told = [
        {
            "tiles": [_told(each) for each in stretch.tiles],
            "newest": stretch.newest,
            "oldest": stretch.oldest,
        }
        for stretch in stretches
    ]
    data = {
        "name": name,
        "stretches": told,
        "headings": {str(id): asdict(each) for id, each in headings.items()},
        "chosen": None if chosen is None else list(chosen),
        "largest": LARGEST,
    }
    found = _GALLERY(
        key="gallery",
        data=data,
        height="content",
        on_opened_change=lambda: None,
        on_more_change=_more,
        on_dropped_change=lambda: None,
        on_refused_change=lambda: None,
    )
    return Done(
        str(found.get("opened") or ""),
        base64.b64decode(found.get("dropped") or ""),
        REFUSALS.get(str(found.get("refused")), ""),
    )


def asked_for() -> int | None:
    """The moment before which the next stretch is wanted, once after the end came into sight."""
    after = st.session_state.pop("gallery_after", None)
    return None if after is None else int(after)


def _more() -> None:
    st.session_state["gallery_after"] = st.session_state["gallery"].get("more")


def _told(each: Placed) -> dict[str, Any]:
    tile = {**asdict(each.tile), "jpeg": base64.b64encode(each.tile.jpeg).decode()}
    return {"tile": tile, "at": each.at, "group": each.group}
