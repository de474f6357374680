"""A crawl: finds every control of a page by itself, presses each once, and writes down what is
wrong."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.serving import SLOW

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="the browser tests need playwright: pip install '.[dev]'"
)

SCRIPT = (Path(__file__).parent / "crawl.js").read_text()
TABS = ("Generate", "Compare", "Sketch", "Film", "Library", "Learn")
STARTS = re.compile(r"^(Generate|Run|Continue|Show|Vary|Try|Start$|Beside)")
RETURNS = re.compile(r"^(Expand sidebar|Close fullscreen|Exit fullscreen)")
RELOADS = re.compile(r"^(Dark|Light) colours$")
"""Loads the page anew, and the crawl's own script with it: test_generate_in_chromium.py
presses it."""
DESTROYS = re.compile(r"\b(delete|empty|remove|cancel|stop|let go|yes)\b", re.IGNORECASE)
ENDS = ("chain_close",)
"""Puts away for good what stands on the page, though its name sounds harmless."""
STREAMLITS = re.compile(r"^(Show data|Download as|Copy Vega|Copied!|Fullscreen$)")
"""Of a chart's toolbar, which is not ours: most of it asks the system where to put a file."""
MOST_PRESSES = 400
"""On one tab: more of them means going round in circles."""
MOST_OPTIONS = 4
"""More choices than this in one control, or any number of tiles, are sampled."""


@dataclass(frozen=True)
class Control:
    """Something that can be pressed, where it stands and what it is called."""

    at: int
    kind: str
    name: str
    place: str
    surface: str
    group: str
    members: int
    primary: bool
    disabled: bool
    chosen: bool

    @property
    def key(self):
        """The same control in another state has the same key: numbers and ids count for nothing."""
        steady = [re.sub(r"[0-9a-f]{8,}|[0-9]+", "#", text) for text in (self.place, self.name)]
        return (self.kind, *steady, self.name if self.group == "radiogroup" else "")

    @property
    def family(self):
        """The tiles or choices it stands among."""
        return (self.kind, re.sub(r"[0-9a-f]{8,}|[0-9]+", "#", self.place), self.group)

    @property
    def rank(self):
        """What changes least is pressed first, what destroys last."""
        if RETURNS.match(self.name):
            return -1
        if DESTROYS.search(self.name) or self.place in ENDS:
            return 4
        if self.primary or STARTS.match(self.name):
            return 3
        return {"toggle": 1, "choice": 1, "radio": 2}.get(self.kind, 0)

    def __str__(self):
        return f"{self.kind} '{self.name}' in {self.surface}/{self.place}"


@dataclass(frozen=True)
class State:
    """A page in some condition: its address, its tabs, and how it gets there."""

    name: str
    address: str
    query: str = "steps=2"
    tabs: tuple[str, ...] = TABS
    begin: Callable = lambda page: None
    moving: bool = False
    """Pictures are at work all the time: the page never comes to rest."""

    def url(self, tab):
        return f"{self.address}?view={tab}&{self.query}"


@dataclass
class Crawl:
    """What was pressed so far, over all states, and what was wrong."""

    files: dict[str, Path]
    """What is given to whoever asks for a file, by the ending that it must take."""
    pressed: dict = field(default_factory=dict)
    faults: list = field(default_factory=list)
    where: str = ""
    loading: set = field(default_factory=set)
    """Requests without an answer yet."""
    vanished: set = field(default_factory=set)
    """What was gone before it could be pressed."""
    given: bool = False
    """A file was given since the last press."""
    effects: int = 0
    """Downloads, file choosers and windows: effects that no text of the page tells."""

    def visit(self, context, state):
        """Open every tab of it and press what was not pressed yet."""
        self.loading.clear()
        context.add_init_script(SCRIPT)
        context.set_default_timeout(SLOW)
        page = context.new_page()
        self._listen(context, page)
        self.where = state.name
        page.goto(state.url(state.tabs[0]))
        self._rest(page)
        state.begin(page)
        for tab in state.tabs:
            self._tab(page, state, tab)
        return page

    def narrow(self, page, state):
        """Every tab at a phone's width, folds open, then what its menus and first tile open."""
        page.set_viewport_size({"width": 390, "height": 844})
        for tab in state.tabs:
            self._open(page, state, tab)
            where = f"{state.name}/{tab} at 390 px"
            self._layout(page, where)
            for opener in page.locator(OPENERS).all():
                if opener.is_visible():
                    opener.evaluate(CLICK)
                    self._rest(page)
                    self._layout(page, f"{where}: {' '.join(opener.all_inner_texts())}")
                    page.keyboard.press("Escape")
                    self._rest(page)
                    if page.locator(POPOVER).count():
                        opener.evaluate(CLICK)
                        self._rest(page)

    def fault(self, sentence):
        if (line := f"{self.where}: {sentence}") not in self.faults:
            self.faults.append(line)

    # Walking -----------------------------------------------------------------------------------

    def _tab(self, page, state, tab):
        self._open(page, state, tab)
        self._layout(page, f"{state.name}/{tab}")
        touched = False
        for _ in range(MOST_PRESSES):
            if (control := self._next(page, state)) is None:
                return
            if control.surface == "main" and control.rank == 3 and touched:
                self._open(page, state, tab)
                touched = False
                continue
            self.where = f"{state.name}/{tab}: {control}"
            self._press(page, control, state)
            touched = touched or control.kind in ("text", "number", "slider", "combobox", "radio")
            if _tab_of(page) != tab or control.place == "backend":
                self._open(page, state, tab)
        self.fault("this tab never ends")

    def _open(self, page, state, tab):
        page.goto(state.url(tab))
        self._rest(page)
        self._unfold(page)

    def _unfold(self, page):
        closed = "details:not([open]) > summary"
        if page.locator(closed).count():
            page.evaluate(f"document.querySelectorAll('{closed}').forEach(each => each.click())")
            self._rest(page)

    def _next(self, page, state):
        """What to press now: in a dialog or popover first, and out of it when all is done there."""
        for _ in range(6):
            controls = [
                Control(**told)
                for told in page.evaluate("crawler.controls()")
                if not told["disabled"]
            ]
            surface = next(
                (
                    name
                    for name in ("popover", "dialog")
                    if any(c.surface == name for c in controls)
                ),
                "",
            )
            waiting = [
                control
                for control in controls
                if (not surface or control.surface == surface) and self._wanted(control, state)
            ]
            if waiting:
                return min(waiting, key=lambda control: control.rank)
            if not surface:
                return None
            page.keyboard.press("Escape")
            self._rest(page)
        self.fault(f"Escape does not close the {surface}")
        return None

    def _wanted(self, control, state):
        if RETURNS.match(control.name):
            return True
        if RELOADS.match(control.name):
            return False
        if control.kind == "tab" or STREAMLITS.match(control.name) or control.key in self.pressed:
            return False
        if control.kind in ("radio", "option", "button") and control.chosen:
            return False  # it says what is so already
        most = 2
        if control.group in ("list", "grid") or control.members > MOST_OPTIONS:
            return sum(family == control.family for family in self.pressed.values()) < most
        return True

    # Pressing ----------------------------------------------------------------------------------

    def _press(self, page, control, state):
        self.pressed[control.key] = control.family
        handle = page.evaluate_handle("at => crawler.control(at)", control.at).as_element()
        before, effects, mark = self._signature(page), self.effects, page.evaluate(MARK)
        try:
            undo = PRESS.get(control.kind, _click)(page, handle)
        except sync_api.Error as error:
            if not handle.is_visible() and control.key not in self.vanished:
                self.vanished.add(control.key)  # once: it is pressed when it stands there again
                del self.pressed[control.key]
                return
            why = re.findall(r"<.*intercepts pointer events|not visible|not stable", str(error))
            self.fault(f"cannot be pressed: {(why or str(error).splitlines())[-1]}")
            page.keyboard.press("Escape")
            return
        if control.kind == "help":
            return
        self._rest(page, mark, quiet=800 if control.rank == 3 and not state.moving else 90)
        if self.given:  # its way to the server begins a moment after the click
            self.given = False
            self._rest(page, mark, quiet=800)
        if not state.moving:
            self._done(page, mark)
        outside = control.kind == "link"
        if not outside and not self._changed(page, before, effects, control):
            self.fault("has no effect")
        self._look(page)
        page.evaluate("crawler.unfill()")
        if not state.moving and control.kind not in ("fold", "opener", "canvas"):
            self._later(page)
        if undo:
            undo()
            self._rest(page)

    def _changed(self, page, before, effects, control):
        """Whether something came of it, soon."""
        until = time.monotonic() + 4
        while time.monotonic() < until:
            if (
                self.effects > effects
                or self._signature(page) != before
                or page.evaluate("at => crawler.focusElsewhere(at)", control.at)
            ):
                return True
            page.wait_for_timeout(50)
        return False

    def _later(self, page):
        """Run the script again for no reason: nothing may come of it."""
        page.wait_for_function(AGREED, timeout=SLOW)
        if page.locator("[role=dialog]").count() and "picture=" not in page.url:
            return  # a run closes what it did not open
        if page.locator("[role=dialog]").count():
            self._rest(page, quiet=250)
        before, mark = self._signature(page, lasting=True), page.evaluate(MARK)
        page.evaluate("crawler.again()")
        self._rest(page, mark)
        self._done(page, mark)
        after = self._signature(page, lasting=True)
        if come := set(after) - set(before):
            gone = set(before) - set(after)
            self.fault(f"acts at the next run only: {sorted(gone)[:4]} → {sorted(come)[:4]}")
        self._look(page)

    # Looking -----------------------------------------------------------------------------------

    def _look(self, page):
        for trouble in page.evaluate("crawler.troubles()"):
            self.fault(trouble)
        if any(page.locator(f"[role=dialog]:visible, {each}").count() for each in (POPOVER,)):
            self._layout(page, self.where)

    def _layout(self, page, where):
        self.where = where
        for fault in page.evaluate("crawler.layout()"):
            self.fault(fault)

    def _signature(self, page, lasting=False):
        return page.evaluate("lasting => crawler.signature(lasting)", lasting)

    def _rest(self, page, since=None, quiet=90):
        """The script has run, and the page stands still."""
        since = page.evaluate(MARK) if since is None else since
        rest = "([since, quiet]) => crawler.rest(since, quiet, 350, 20000)"
        page.evaluate(rest, [since, quiet])
        until = time.monotonic() + 10
        while self.loading and time.monotonic() < until:  # a part of the page that comes when used
            page.wait_for_timeout(20)
            if not self.loading:
                page.evaluate(rest, [since, quiet])

    def _done(self, page, since):
        """No picture is at work any more, and of what was at work since then the end is shown."""
        if page.evaluate("since => crawler.worked(since)", since):
            try:
                page.wait_for_function("() => !crawler.working()", timeout=SLOW)
            except sync_api.TimeoutError:
                self.fault("is still at work")
            self._rest(page, since)
        page.wait_for_function(DRAWN, timeout=SLOW)

    def _listen(self, context, page):
        def effect(_):
            self.effects += 1

        def chooser(given):
            self.effects += 1
            self.given = True
            takes = (given.element.get_attribute("accept") or "").split(",")
            given.set_files(next(path for end, path in self.files.items() if end in takes))

        page.on("request", lambda asked: self.loading.add(asked))
        page.on("requestfinished", lambda asked: self.loading.discard(asked))
        page.on("requestfailed", lambda asked: self.loading.discard(asked))
        page.on("download", effect)
        page.on("filechooser", chooser)
        page.on("popup", lambda opened: (effect(opened), opened.close()))
        page.on("pageerror", lambda error: self.fault(f"script error: {error}"))
        page.on(
            "console", lambda said: said.type == "error" and self.fault(f"console: {said.text}")
        )
        page.on(
            "requestfailed",
            lambda asked: (
                asked.failure != "net::ERR_ABORTED" and self.fault(f"failed: {asked.url}")
            ),
        )
        page.on(
            "response",
            lambda answer: answer.status >= 400 and self.fault(f"{answer.status}: {answer.url}"),
        )


DRAWN = """() => !document.querySelector(".st-key-go")
  || !document.querySelector("[role=tabpanel] [data-testid=stImage]")
  || document.querySelector(".st-key-receipt_result, .st-key-time_example")"""
"""A finished picture has the page to itself for a moment; then its receipt stands beside it."""
AGREED = """() => !new URLSearchParams(location.search).has("picture")
  || document.querySelector("[role=dialog]")"""
"""The address names a picture a moment before its drawer comes, and after it has gone."""
CLICK = "each => each.click()"
FRAME = """each => {
  const frame = each.closest("[data-testid=stFullScreenFrame]");
  frame?.scrollIntoView({block: "center"});
  return frame?.getBoundingClientRect();
}"""
"""Where a chart or table stands, brought to the middle of the window: a pointer that rests on a
part that is out of sight brings no buttons."""
MARK = "crawler.mark()"
OPENERS = "[data-testid=stPopoverButton], [role=list] [role=listitem]:first-child button"
POPOVER = "[data-testid=stPopoverBody]"


def _tab_of(page):
    return parse_qs(urlsplit(page.url).query).get("view", ["Generate"])[0]


def _click(page, handle):
    """A chart's or a picture's own buttons come when the pointer rests on it."""
    handle.scroll_into_view_if_needed(timeout=5000)
    frame = handle.evaluate(FRAME)
    if frame:
        page.mouse.move(frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2)
    handle.click(timeout=8000)


def _link(page, handle):
    """One that leads elsewhere is not followed."""
    if handle.evaluate("each => each.origin === location.origin"):
        handle.click(timeout=8000)


def _fold(page, handle):
    """Open it, or close it and open it again."""
    was_open = handle.evaluate("each => each.parentElement.open")
    handle.click(timeout=8000)
    return (lambda: handle.click(timeout=8000)) if was_open else None


def _hover(page, handle):
    """The sentence comes when the pointer rests on it."""
    page.mouse.move(0, 0)
    handle.scroll_into_view_if_needed(timeout=5000)
    handle.hover(timeout=8000)
    page.locator("[data-testid=stTooltipContent]").first.wait_for(timeout=8000)
    page.mouse.move(0, 0)


def _toggle(page, handle):
    """The lens is switched off again: every other press would wait for its pictures."""
    handle.evaluate("each => (each.labels?.[0] ?? each).scrollIntoView({block: 'center'})")
    handle.evaluate(CLICK)
    is_lens = handle.evaluate("each => Boolean(each.closest('.st-key-lens'))")
    return (lambda: handle.evaluate(CLICK)) if is_lens else None


def _text(page, handle):
    """Something more is typed, and taken away again afterwards."""
    old, lines = handle.input_value(), handle.evaluate("each => each.tagName") == "TEXTAREA"
    new = f"{old}, 9" if old[-1:].isdigit() else f"{old} fox".strip()

    def put(text):
        handle.fill(text, timeout=8000)
        handle.press("Tab" if lines else "Enter")

    put(new)
    return lambda: put(old) if handle.is_visible() else None


def _number(page, handle):
    old = handle.input_value()
    handle.press("ArrowUp")
    if handle.input_value() == old:
        handle.press("ArrowDown")
    handle.press("Tab")


def _choice(page, handle):
    """What plays by itself is stopped again."""
    plays = (handle.get_attribute("aria-label") or "").startswith("Play ")
    _click(page, handle)
    return (lambda: handle.evaluate("each => each.click()")) if plays else None


def _select(page, handle):
    """The browser's own list is not opened: another choice is made, and taken back afterwards."""
    old = handle.input_value()
    values = handle.evaluate("each => [...each.options].map(option => option.value)")
    handle.select_option(next(value for value in values if value != old))
    return lambda: handle.select_option(old) if handle.is_visible() else None


def _colour(page, handle):
    """The system's own dialog is not opened."""
    handle.fill("#2a9d8f" if handle.input_value() == "#9a5fb5" else "#9a5fb5")


def _open_list(page, handle):
    handle.click(timeout=8000)
    return lambda: page.keyboard.press("Escape")


def _slide(page, handle):
    read = "each => each.value ?? each.getAttribute('aria-valuenow')"
    old = handle.evaluate(read)
    handle.press("ArrowRight")
    if handle.evaluate(read) == old:
        handle.press("ArrowLeft")


def _choose(page, handle):
    """Another option than the one that stands there; a list that the page closed by being drawn
    in that moment is opened again."""
    options = page.locator("[role=option]:visible")
    handle.click(timeout=8000)
    try:
        options.first.wait_for(timeout=4000)
    except sync_api.TimeoutError:
        handle.click(timeout=8000)
        options.first.wait_for(timeout=8000)
    chosen = [each.get_attribute("aria-selected") == "true" for each in options.all()]
    options.nth(chosen.index(False) if False in chosen else 0).click(timeout=8000)


def _stroke(page, handle):
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3)
    page.mouse.down()
    for step in range(1, 8):
        page.mouse.move(box["x"] + box["width"] * (0.3 + step / 20), box["y"] + box["height"] * 0.5)
    page.mouse.up()


PRESS = {
    "fold": _fold,
    "link": _link,
    "help": _hover,
    "toggle": _toggle,
    "option": _toggle,
    "text": _text,
    "number": _number,
    "select": _select,
    "choice": _choice,
    "colour": _colour,
    "slider": _slide,
    "combobox": _choose,
    "opener": _open_list,
    "canvas": _stroke,
}
