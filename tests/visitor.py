"""A visitor without a browser: speaks the page's websocket as Streamlit's frontend does.

It presses Generate, keeps the timers that the page asks for, names the messages that it has
already, and fetches every picture that is shown.
"""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin
from urllib.request import urlopen
from uuid import uuid4

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.NumberInput_pb2 import NumberInput
from websockets.sync.client import connect

from sdplay import metadata

CONTROLS = ("button", "number_input", "slider", "selectbox", "text_area", "text_input")


class Visitor:
    """One person's tab on the page."""

    def __init__(self, url, owner=""):
        self._url, _, query = url.partition("?")
        self._form = dict(parse_qsl(query))
        self._controls: dict[str, tuple[str, Any, str]] = {}
        """For each key the kind of control, the control, and the fragment that it asks for."""
        self._filled: dict[str, object] = {}
        self._cache: dict[str, bytes] = {}
        self._timers: dict[str, tuple[float, float]] = {}
        """For each fragment when the browser asks for it next, and how often."""
        self._addresses: set[str] = set()
        self._awake = True
        self.running = False
        self.runs = self.ticks = self.bytes = 0
        """Runs of the whole page and of a fragment, and what was sent here."""
        self.pictures: list[Mapping[str, Any]] = []
        """Their settings, as the files say themselves, in the order of their coming."""
        self.sentences: list[str] = []
        """What stood beside the progress bar, and in coloured boxes."""
        self.texts: list[str] = [""]
        """What was written on the page besides."""
        self.previews = 0
        self._closing = ExitStack()
        self._socket = self._closing.enter_context(
            connect(
                f"{self._url.replace('http', 'ws', 1)}_stcore/stream",
                subprotocols=["streamlit"],
                additional_headers={"Cookie": f"sdplay_owner={owner or uuid4().hex}"},
                max_size=None,
                compression=None,
                max_queue=None,
            )
        )
        self._ask()
        self.look(lambda: "go" in self._controls and not self.running)
        self.pictures.clear()  # what came with the app is nobody's

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        self._closing.close()

    @property
    def seeds(self):
        return [settings["seed"] for settings in self.pictures]

    def drawn(self):
        """Keys of the controls that were drawn so far."""
        return set(self._controls)

    def stop_asking(self):
        """Lose the page's timers, as a browser does that sleeps."""
        self._timers.clear()
        self._awake = False

    def intervals(self):
        """How often the page wants to be asked for its parts."""
        return {interval for _, interval in self._timers.values()}

    def generate(self, seed):
        """Press the button with this seed in the form."""
        self.fill(seed=seed)
        self.press("go")

    def fill(self, **values):
        """Change controls of the form, which tell nobody before something is pressed."""
        self._filled.update(values)
        self._form.update(values)

    def press(self, key):
        """Press the button of this key."""
        self._ask(fragment=self._controls[key][2], button=key)

    def see(self, seed, seconds=300.0):
        """Look until the picture of this seed is on the page; says whether it came."""
        return self.look(lambda: self.seeds[-1:] == [seed], seconds)

    def look(self, enough, seconds=300.0):
        """Read what comes, and tick, until it is enough; says whether it was."""
        until = time.monotonic() + seconds
        while not enough():
            self._tick()
            due = min((at for at, _ in self._timers.values()), default=until)
            left = min(due, until) - time.monotonic()
            try:
                self._read(self._socket.recv(timeout=max(0.0, left)))
            except TimeoutError:
                if time.monotonic() >= until:
                    return False
        return True

    def _tick(self):
        now = time.monotonic()
        for fragment, (at, interval) in list(self._timers.items()):
            if now >= at:
                self._timers[fragment] = (now + interval, interval)
                self._ask(fragment=fragment)

    def _ask(self, fragment="", button=""):
        message = BackMsg()
        state = message.rerun_script
        state.query_string = urlencode(self._form)
        state.fragment_id, state.is_auto_rerun = fragment, bool(fragment) and not button
        state.cached_message_hashes.extend(self._cache)
        for key, value in self._filled.items():
            kind, control, _ = self._controls[key]
            _hold(state.widget_states.widgets.add(id=control.id), kind, control, value)
        if button:
            id = self._controls[button][1].id
            state.widget_states.widgets.add(id=id, trigger_value=True)
        self._socket.send(message.SerializeToString())

    def _read(self, data):
        self.bytes += len(data)
        message = ForwardMsg.FromString(data)
        if message.WhichOneof("type") == "ref_hash":
            message = ForwardMsg.FromString(self._cache[message.ref_hash])
        elif message.metadata.cacheable:
            self._cache[message.hash] = data
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._begin(message.metadata.run.fragment_ids)
        elif kind == "script_finished":
            self.running = False
        elif kind == "auto_rerun":
            self._keep_time(message.auto_rerun)
        elif kind == "stop_auto_rerun":
            for fragment in message.stop_auto_rerun.fragment_ids:
                self._timers.pop(fragment, None)
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            self._draw(message.delta.new_element, message.delta.fragment_id)

    def _begin(self, fragments):
        self.running = True
        if fragments:
            self.ticks += 1
        else:
            self.runs += 1
            self._timers.clear()

    def _keep_time(self, timer):
        if self._awake and self._timers.get(timer.fragment_id, (0.0, 0.0))[1] != timer.interval:
            at = time.monotonic() + timer.interval
            self._timers[timer.fragment_id] = (at, timer.interval)

    def _draw(self, element, fragment):
        kind = element.WhichOneof("type")
        if kind in CONTROLS:
            control = getattr(element, kind)
            self._controls[control.id.rpartition("-")[2]] = (kind, control, fragment)
        elif kind == "imgs":
            for image in element.imgs.imgs:
                self._fetch(image.url)
        elif kind == "progress":
            self.sentences.append(element.progress.text)
        elif kind == "alert":
            self.sentences.append(element.alert.body)
        elif kind == "markdown":
            self.texts.append(element.markdown.body)
        elif kind == "html" and "data:image/jpeg;base64" in element.html.body:
            self.previews += 1

    def _fetch(self, address):
        if address in self._addresses:
            return
        self._addresses.add(address)
        # Most pictures stand in their address; others are files beside the page.
        with urlopen(urljoin(self._url, address), timeout=60) as answer:
            self.pictures.append(metadata.read(answer.read()).settings)


def _hold(state, kind, control, value):
    """Write a control's value as the frontend does."""
    if kind == "slider":
        state.double_array_value.data.append(value)
    elif kind != "number_input":
        state.string_value = value
    elif control.data_type == NumberInput.INT:
        state.int_value = value
    else:
        state.double_value = value
