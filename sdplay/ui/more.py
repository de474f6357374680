"""Endless scrolling: notices that the end of a list has come into sight."""

import streamlit as st

_END = st.components.v2.component(
    "sdplay_end",
    html='<button type="button">Show more</button>\n',
    css="""
button{all:unset;display:block;margin:4px auto;padding:6px 14px;cursor:pointer;font-family:var(--st-font);
  font-size:.87rem;color:var(--st-gray-text-color)}
button:focus-visible{outline:2px solid var(--st-primary-color);border-radius:var(--st-base-radius)}
""",
    js="""
export default function({parentElement, setTriggerValue}) {
  const button = parentElement.querySelector("button");
  let asked = false;
  const more = () => {
    if (asked) return;
    asked = true;
    setTriggerValue("seen", true);
  };
  button.onclick = more;
  const watch = new IntersectionObserver(entries => { if (entries.some(each => each.isIntersecting)) more(); });
  watch.observe(button);
  return () => watch.disconnect();
}
""",
)


def reached_end(key: str) -> bool:
    """Whether the end was just seen or pressed; every page needs a key of its own."""
    return bool(_END(key=key, height="content", on_seen_change=lambda: None).get("seen"))
