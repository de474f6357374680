"""A visitor without a browser: speaks the page's websocket as Streamlit's frontend does.

It presses Generate, keeps the timers that the page asks for, names the messages that it has
already, and fetches every picture that is shown.
"""

import time
from contextlib import ExitStack
from urllib.parse import parse_qsl, urlencode
from urllib.request import urlopen
from uuid import uuid4

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from sdplay import metadata

BUTTONS_AND_NUMBERS = ("button", "number_input")


class Visitor:
    """One person's tab on the page."""

    def __init__(self, url, owner=""):
        self._url, _, query = url.partition("?")
        self._form = dict(parse_qsl(query))
        self._widgets: dict[str, tuple[str, str]] = {}
        """For each key the widget, and the fragment that a click on it asks for."""
        self._cache: dict[str, bytes] = {}
        self._timers: dict[str, tuple[float, float]] = {}
        """For each fragment when the browser asks for it next, and how often."""
        self._addresses: set[str] = set()
        self._awake = True
        self.running = False
        self.runs = self.ticks = self.bytes = 0
        """Runs of the whole page and of a fragment, and what was sent here."""
        self.seeds: list[int] = []
        """Of the pictures on the page, from the files themselves, in the order of their coming."""
        self.sentences: list[str] = []
        """What stood beside the progress bar, and in coloured boxes."""
        self.previews = 0
        self._closing = ExitStack()
        self._socket = self._closing.enter_context(
            connect(
                f"{self._url.replace('http', 'ws', 1)}_stcore/stream",
                subprotocols=["streamlit"],
                additional_headers={"Cookie": f"sdplay_owner={owner or uuid4().hex}"},
                max_size=None,
                compression=None,
            )
        )
        self._ask()
        self.look(lambda: "go" in self._widgets and not self.running)

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        self._closing.close()

    def buttons(self):
        """Keys of the buttons and number fields that were drawn so far."""
        return set(self._widgets)

    def stop_asking(self):
        """Lose the page's timers, as a browser does that sleeps."""
        self._timers.clear()
        self._awake = False

    def asks(self):
        """Whether the page wants to be asked for news."""
        return bool(self._timers)

    def generate(self, seed):
        """Press the button with this seed in the form."""
        self._form["seed"] = seed
        self.press("go", seed)

    def press(self, key, seed=None):
        """Press the button of this key; `seed` is typed before."""
        _, fragment = self._widgets[key]
        self._ask(fragment=fragment, button=key, seed=seed)

    def see(self, seed, seconds=60.0):
        """Look until the picture of this seed is on the page; says whether it came."""
        return self.look(lambda: self.seeds[-1:] == [seed], seconds)

    def look(self, enough, seconds=60.0):
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

    def _ask(self, fragment="", button="", seed=None):
        message = BackMsg()
        state = message.rerun_script
        state.query_string = urlencode(self._form)
        state.fragment_id, state.is_auto_rerun = fragment, bool(fragment) and not button
        state.cached_message_hashes.extend(self._cache)
        if seed is not None:
            state.widget_states.widgets.add(id=self._widgets["seed"][0], int_value=seed)
        if button:
            state.widget_states.widgets.add(id=self._widgets[button][0], trigger_value=True)
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
        if kind in BUTTONS_AND_NUMBERS:
            id = getattr(element, kind).id
            self._widgets[id.rpartition("-")[2]] = (id, fragment)
        elif kind == "imgs":
            for image in element.imgs.imgs:
                self._fetch(image.url)
        elif kind == "progress":
            self.sentences.append(element.progress.text)
        elif kind == "alert":
            self.sentences.append(element.alert.body)
        elif kind == "html" and "data:image/jpeg;base64" in element.html.body:
            self.previews += 1

    def _fetch(self, address):
        if address in self._addresses:
            return
        self._addresses.add(address)
        with urlopen(f"{self._url}{address.lstrip('/')}", timeout=60) as answer:
            self.seeds.append(metadata.read(answer.read()).settings["seed"])
