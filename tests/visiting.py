"""Somebody at the real page without a browser: one websocket, the widgets' states, uploads."""

import secrets
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import requests
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.NumberInput_pb2 import NumberInput
from streamlit.proto.WidgetStates_pb2 import WidgetStates
from websockets.sync.client import connect

from sdplay.ui.session import COOKIE

PATIENCE = 60


class Visitor:
    """A visit that sends what a browser could send, and more."""

    def __init__(self, url, query="", owner=None, address=""):
        """`address` is where a proxy on this machine says that the visit comes from."""
        self.url, self.owner = url, owner or secrets.token_hex(16)
        self.query = query
        """What stands in the address bar."""
        self.said = ""
        """What the page wrote there last."""
        self.session = ""
        self.part = ""
        """The part of the page that asks for its own runs."""
        self.widgets = WidgetStates()
        self.texts = []
        """Everything written on the page in the last run."""
        self.ids = {}
        """Each widget's id by its key."""
        self.drawn = set()
        """The keys of the widgets of the last run."""
        self.kinds = {}
        """For each key what sort of widget it is."""
        self.faults = []
        """The errors that the last run ended with, as the page shows them."""
        self.downloads = {}
        """For each key of a download button what its click asks for."""
        self._web = requests.Session()
        self._web.get(f"{url}_stcore/health", timeout=PATIENCE)
        xsrf = self._web.cookies.get("_streamlit_xsrf", "")
        self._web.headers["X-Xsrftoken"] = xsrf
        self._web.cookies.set(COOKIE, self.owner)
        cookie = f"{COOKIE}={self.owner}; _streamlit_xsrf={xsrf}"
        forwarded = {"X-Forwarded-For": address} if address else {}
        self._open = ExitStack()
        self._socket = self._open.enter_context(
            connect(
                f"ws://{urlsplit(url).netloc}/_stcore/stream",
                subprotocols=["streamlit", xsrf],
                additional_headers={"Cookie": cookie, **forwarded},
                max_size=None,
                origin=url.rstrip("/"),
            )
        )
        self.run(query)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._open.close()
        self._web.close()

    def run(self, query=None):
        """One run of the script, to its end; `query` is what somebody wrote into the address."""
        self.query = self.query if query is None else query
        self.send()
        return self.listen()

    def tick(self):
        """The run that a part of the page asks for by itself, to its end."""
        self.send(fragment_id=self.part, is_auto_rerun=True)
        return self.listen()

    def send(self, **more):
        """Ask for a run, and do not wait for it."""
        message = BackMsg(rerun_script=ClientState(query_string=self.query, **more))
        message.rerun_script.widget_states.CopyFrom(self.widgets)
        self._socket.send(message.SerializeToString())

    def listen(self):
        """What comes until the script is at its end."""
        self.texts, self.drawn, self.faults = [], set(), []
        while True:
            message = ForwardMsg.FromString(self._socket.recv(timeout=PATIENCE))
            if message.HasField("new_session"):
                self.session = message.new_session.initialize.session_id
            self._notice(message)
            ended = message.WhichOneof("type") == "script_finished"
            if ended and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                return self

    def set(self, key, **value):
        """A widget's state, as `string_value="…"`; a button's is `trigger_value=True`."""
        state = self.state(key) or self.widgets.widgets.add(id=self.ids[key])
        for name, content in value.items():
            setattr(state, name, content)

    def state(self, key):
        """What the browser holds of a widget; nothing before it was touched."""
        return next((each for each in self.widgets.widgets if each.id == self.ids[key]), None)

    def press(self, key, query=None):
        """A button, once."""
        self.set(key, trigger_value=True)
        self.run(query)
        self.let_go()

    def let_go(self):
        """No button is pressed any more."""
        kept = [each for each in self.widgets.widgets if not each.trigger_value]
        del self.widgets.widgets[:]
        self.widgets.widgets.extend(kept)

    def hear(self, kind):
        """Wait for a message of that kind."""
        while True:
            message = ForwardMsg.FromString(self._socket.recv(timeout=PATIENCE))
            self._notice(message)
            if message.WhichOneof("type") == kind:
                return message

    def made(self, download):
        """The address of the file that a click on a download button asked for."""
        message = BackMsg()
        message.backend_operation_request.request_id = secrets.token_hex(8)
        message.backend_operation_request.session_id = self.session
        message.backend_operation_request.deferred_file.file_id = download
        self._socket.send(message.SerializeToString())
        answer = self.hear("backend_operation_response")
        return answer.backend_operation_response.deferred_file.url

    def fetch(self, address):
        """The status and the bytes of a file on the page's server."""
        answer = self._web.get(f"{self.url.rstrip('/')}{address}", timeout=PATIENCE)
        return answer.status_code, answer.content

    def upload(self, data, key="", name="picture.png"):
        """Send a file, to the uploader of that key or to none; returns the answer's status."""
        file = secrets.token_hex(8)
        answer = self._web.put(
            f"{self.url}_stcore/upload_file/{self.session}/{file}",
            files={"file": (name, data)},
            timeout=PATIENCE,
        )
        if key:
            self._hand_over(key, file, name, len(data))
        return answer.status_code

    def take_back(self, key):
        """Empty an uploader."""
        self.set(key)
        state = self.state(key)
        state.file_uploader_state_value.SetInParent()
        del state.file_uploader_state_value.uploaded_file_info[:]

    def _hand_over(self, key, file, name, size):
        self.set(key)
        state = self.state(key)
        del state.file_uploader_state_value.uploaded_file_info[:]
        given = state.file_uploader_state_value.uploaded_file_info.add(
            file_id=file, name=name, size=size
        )
        address = f"{self.url}_stcore/upload_file/{self.session}/{file}"
        given.file_urls.upload_url = given.file_urls.delete_url = address

    def _notice(self, message):
        if message.WhichOneof("type") == "page_info_changed":
            self.query = self.said = message.page_info_changed.query_string
        if message.WhichOneof("type") == "auto_rerun":
            self.part = message.auto_rerun.fragment_id
        if message.WhichOneof("type") != "delta" or not message.delta.HasField("new_element"):
            return
        element = message.delta.new_element
        kind = element.WhichOneof("type")
        content = getattr(element, kind) if kind else None
        id = getattr(content, "id", "")
        if isinstance(id, str) and id.startswith("$$ID"):
            key = id.rsplit("-", 1)[-1]
            whole = kind == "number_input" and content.data_type == NumberInput.INT
            self.ids[key], self.kinds[key] = id, "whole_number_input" if whole else kind
            self.drawn.add(key)
            if download := getattr(content, "deferred_file_id", ""):
                self.downloads[key] = download
            if kind == "number_input" and content.set_value and self.state(key):
                self.set(key, int_value=int(content.value))
        if kind == "exception":
            self.faults.append(content.message)
        for field in ("body", "text"):
            if isinstance(text := getattr(content, field, ""), str) and text:
                self.texts.append(text.replace("\\", ""))


def megabytes(pid, name="VmRSS"):
    """What a process holds, or with VmHWM what it held at most since forget_peak()."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) / 1024


def forget_peak(pid):
    """From now on VmHWM tells the most that is held."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
