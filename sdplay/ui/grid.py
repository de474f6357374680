"""The sheet of a sweep on the page: rows, columns and cells that fill as pictures end, walked by
mouse or arrow keys.

Thumbnails travel apart from the grid, some dozens to a message: what has not changed is not sent
again, so that hundreds of cells stay light while they fill.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import streamlit as st

PER_MESSAGE = 50
_STORE = st.components.v2.component(
    "sdplay_thumbnails",
    html="<span hidden></span>\n",
    js="""
export default function({data}) {
  const store = (window.sdplayThumbnails ??= new Map());
  for (const [id, jpeg] of Object.entries(data.pictures)) store.set(id, "data:image/jpeg;base64," + jpeg);
  window.dispatchEvent(new Event("sdplay-thumbnails"));
}
""",
)
_GRID = st.components.v2.component(
    "sdplay_grid",
    html='<div class="frame"><table role="grid"></table></div>\n',
    css="""
.frame{overflow:auto;max-height:86vh;font-family:var(--st-font);color:var(--st-text-color);scrollbar-width:thin;
  scrollbar-color:var(--st-border-color) transparent;container-type:inline-size}
table{border-collapse:separate;border-spacing:0;
  --tile:clamp(88px,(100cqw - var(--side) - 8px*var(--count))/var(--count),var(--most))}
th{font-weight:600;font-size:.86rem;background:var(--st-background-color);position:sticky;z-index:1;line-height:1.3;
  padding:4px}
th span{display:block;overflow-wrap:break-word}
thead th{top:0;vertical-align:bottom}
thead span{max-width:var(--tile);margin:auto}
tbody th{left:0;text-align:right}
tbody th span,thead th:first-child span{max-width:calc(var(--side) - 12px);margin:0 4px 0 auto}
thead th:first-child{left:0;z-index:2;font-weight:400;color:var(--st-gray-text-color);text-align:right}
.single tr>th:first-child{display:none}
td{padding:4px;vertical-align:top}
button{all:unset;display:block;width:var(--tile);cursor:pointer}
.flow thead,.flow th{display:none}
.flow,.flow tbody{display:block}
.flow tr{display:grid;grid-template-columns:repeat(auto-fill,minmax(128px,1fr));gap:4px 0;--tile:100%}
.flow .picture{width:auto}
.picture{position:relative;display:block;width:var(--tile);aspect-ratio:var(--ratio);overflow:hidden;
  border-radius:var(--st-base-radius);background:var(--st-secondary-background-color);
  outline:1px solid var(--st-border-color);outline-offset:-1px}
.picture img{width:100%;height:100%;object-fit:cover;display:block}
.picture img:not([src]){display:none}
.running .picture{animation:pulse 1.4s ease-in-out infinite}
@keyframes pulse{50%{opacity:.55}}
@media (prefers-reduced-motion:reduce){.running .picture{animation:none}}
.tone{position:absolute;inset:0;background:var(--st-primary-color);opacity:var(--heat);mix-blend-mode:multiply}
.badge{position:absolute;top:5px;left:5px;font-size:.72rem;font-weight:650;padding:1px 6px;border-radius:99px;
  background:var(--st-primary-color);color:var(--st-background-color)}
.text{display:block;font-size:.78rem;line-height:1.3;color:var(--st-gray-text-color);margin:4px 2px 0;
  display:-webkit-box;-webkit-line-clamp:3;-webkit-box-orient:vertical;overflow:hidden;overflow-wrap:anywhere}
.failed .text{color:var(--st-red-text-color)}
button:hover .picture{outline:2px solid var(--st-primary-color)}
button:focus-visible .picture,.chosen .picture{outline:3px solid var(--st-primary-color);outline-offset:0}
""",
    js="""
const made = (tag, kind, text) => {
  const each = document.createElement(tag);
  if (kind) each.className = kind;
  if (text !== undefined) each.textContent = text;
  return each;
};
function drawn(cell, button) {
  const store = (window.sdplayThumbnails ??= new Map());
  const told = JSON.stringify(cell) + store.has(cell.picture);
  if (button.dataset.told === told) return;
  button.dataset.told = told;
  button.className = cell.state + (cell.badge ? " chosen" : "");
  button.setAttribute("aria-label", cell.title);
  button.title = cell.title;
  const frame = made("span", "picture"), image = new Image();
  image.alt = "";
  if (store.has(cell.picture)) image.src = store.get(cell.picture);
  frame.append(image);
  if (cell.heat !== null) {
    const tone = made("span", "tone");
    tone.style.setProperty("--heat", cell.heat);
    frame.append(tone);
  }
  if (cell.badge) frame.append(made("span", "badge", cell.badge));
  button.replaceChildren(frame, made("span", "text", cell.text));
}
export default function({data, parentElement, setTriggerValue}) {
  const table = parentElement.querySelector("table");
  const shape = JSON.stringify([data.corner, data.columns, data.rows, data.cells.length]);
  const flows = !data.columns.length;
  table.classList.toggle("flow", flows);
  table.classList.toggle("single", data.rows.every(label => !label));
  table.style.setProperty("--most", data.most + "px");
  table.style.setProperty("--count", data.columns.length || 1);
  table.style.setProperty("--side", data.rows.every(label => !label) ? "0px" : "clamp(72px, 14cqw, 150px)");
  table.style.setProperty("--ratio", data.ratio);
  if (table.dataset.shape !== shape) {
    table.dataset.shape = shape;
    const head = made("thead"), top = made("tr"), body = made("tbody");
    const header = (label, scope) => {
      const each = made("th"), text = made("span", "", label);
      each.scope = scope;
      each.title = label;
      each.append(text);
      return each;
    };
    top.append(header(data.corner, "col"), ...data.columns.map(label => header(label, "col")));
    head.append(top);
    data.rows.forEach((label, row) => {
      const line = made("tr");
      line.append(header(label, "row"));
      for (let column = 0; column < (data.columns.length || data.cells.length); column++) {
        const place = made("td"), button = made("button");
        button.type = "button";
        button.tabIndex = row || column ? -1 : 0;
        place.append(button);
        line.append(place);
      }
      body.append(line);
    });
    table.replaceChildren(head, body);
  }
  const buttons = [...table.querySelectorAll("button")], upper = each => each.getBoundingClientRect().top;
  const refresh = () => data.cells.forEach((cell, n) => drawn(cell, buttons[n]));
  refresh();
  buttons.forEach((button, n) => { button.onclick = () => setTriggerValue("picked", data.cells[n].at); });
  table.onkeydown = event => {
    const wide = flows ? buttons.filter(each => upper(each) === upper(buttons[0])).length : data.columns.length;
    const move = {ArrowRight: 1, ArrowLeft: -1, ArrowDown: wide, ArrowUp: -wide}[event.key];
    const from = buttons.indexOf(event.target), to = from + move;
    if (!move || from < 0 || !buttons[to] || (Math.abs(move) === 1 && wide > 1 &&
        Math.floor(to / wide) !== Math.floor(from / wide))) return;
    event.preventDefault();
    buttons[from].tabIndex = -1;
    buttons[to].tabIndex = 0;
    buttons[to].focus();
  };
  window.addEventListener("sdplay-thumbnails", refresh);
  return () => window.removeEventListener("sdplay-thumbnails", refresh);
}
""",
)


@dataclass(frozen=True)
class Tile:
    """One cell as it is drawn."""

    at: str
    state: str
    text: str
    title: str
    """Read aloud, and shown when the pointer rests on it."""
    picture: str = ""
    """The thumbnail's name in the store."""
    badge: str = ""
    heat: float | None = None
    """0 to 1: how strongly it is tinted."""


def thumbnails(pictures: Mapping[str, str]) -> None:
    """Bring thumbnails in base64 to the browser, once each; append new ones at the end."""
    waiting = iter(pictures.items())
    while chunk := dict(islice(waiting, PER_MESSAGE)):
        _STORE(
            data={"pictures": chunk}
        )  # without a key: every control of the page looks through all keyed components


def grid(
    columns: Sequence[str],
    rows: Sequence[str],
    cells: Sequence[Tile],
    key: str,
    corner: str = "",
    most: int = 400,
    ratio: float = 1.0,
) -> str:
    """The place of the cell that was just picked, else nothing.  Cells take the room there is, up
    to `most` pixels; without columns they fill line after line."""
    told = {
        "columns": columns,
        "rows": rows,
        "cells": [vars(cell) for cell in cells],
        "corner": corner,
        "most": most,
        "ratio": ratio,
    }
    result = _GRID(key=key, data=told, height="content", on_picked_change=lambda: None)
    return str(result.get("picked") or "")
