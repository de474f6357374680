"""Lets a fragment wait for something in one long run instead of running at every tick, and keeps
clicks and ends of runs that Streamlit would lose.

A tick costs a request, a thread and everything that the fragment draws. A run that waits costs
nothing, and then draws what is new in its place. This module uses parts of Streamlit that are not
public, so the minor version of Streamlit is pinned.
"""

from dataclasses import replace
from functools import cache
from threading import RLock
from typing import Any

from streamlit import runtime
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetStates
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.scriptrunner import ScriptRunner
from streamlit.runtime.scriptrunner_utils.script_requests import (
    RerunData,
    ScriptRequests,
    ScriptRequestType,
    _coalesce_widget_states,
)
from streamlit.runtime.scriptrunner_utils.script_run_context import (
    ThreadState,
    get_script_run_ctx,
)
from streamlit.runtime.state import SessionState
from streamlit.runtime.state.safe_session_state import SafeSessionState

_HEARD = "sdplay_heard"
"""Names the widget states for which callbacks were called last."""
_TURN = "sdplay_turn"
"""Names the lock that a visit's callbacks hold, among what the visit keeps."""


def served() -> bool:
    """Whether a real server runs the page. In Streamlit's own tests a stand-in claims to be one."""
    return runtime.exists() and type(runtime.get_instance()) is runtime.Runtime


def is_part() -> bool:
    """Whether parts of the page run, and the rest of it does not."""
    context = get_script_run_ctx()
    return context is not None and bool(context.fragment_ids_this_run)


def interrupted() -> bool:
    """Whether the browser asks for a run of the page or of a part, or has left."""
    context = get_script_run_ctx()
    if context is None or context.script_requests is None or not served():
        return True
    return context.script_requests._state is not ScriptRequestType.CONTINUE


def tick_every(seconds: float | None) -> None:
    """Sets how often the browser asks for the running fragment from now on; None stops it."""
    context, fragment = get_script_run_ctx(), ThreadState.get().fragment_id
    if context is None or fragment is None:
        return
    message = ForwardMsg()
    if seconds is None:
        message.stop_auto_rerun.fragment_ids.append(fragment)
    else:
        message.auto_rerun.interval, message.auto_rerun.fragment_id = seconds, fragment
    context.enqueue(message)


@cache
def lose_nothing() -> None:
    """Keeps a click whose callback was not called yet: the next run gets it too. What a click has
    changed stays changed, and what a part of the page shows no more goes.

    Streamlit stops the run at each click. With the run it forgets an earlier click that still
    waited, or whose run had just begun, and stops a callback in its middle: on a busy machine the
    first of two quick clicks was lost. A fragment's tick brings every value that the browser
    knows, old ones too while it has not heard of what a click has changed. And where a fragment's
    run begins right behind another's, Streamlit tells the browser that the other did not come to
    its end: what it had replaced by less stayed beside the new.
    """
    request_rerun, request = AppSession.request_rerun, ScriptRequests._request_rerun_locked
    clear_queue = AppSession._clear_queue

    def with_what_waits(session: AppSession, client_state: ClientState | None) -> None:
        whole = client_state is not None and not client_state.fragment_id
        if client_state and whole and (waiting := _unheard(session)):
            states = _coalesce_widget_states(waiting, client_state.widget_states)
            client_state.widget_states.CopyFrom(states or WidgetStates())
        request_rerun(session, client_state)

    def heard(state: SafeSessionState, states: WidgetStates | None, **more: Any) -> None:
        runner = state._yield_callback.__self__  # type: ignore[attr-defined]
        if not _will_hear(runner, states):
            state._yield_callback()  # ends the run
        runner._execing = False  # from here on nothing stops it, nor a callback in its middle
        try:
            with _turn(state._state):
                state._state.on_script_will_rerun(states, **more)
        finally:
            runner._execing = True

    def with_news(requests: ScriptRequests, asked: RerunData) -> bool:
        return request(requests, _without_old_values(requests, asked))

    def cleared(session: AppSession, parts: list[str] | None = None) -> None:
        if parts:  # what waits to be sent is another run's: the new one neither drops nor joins it
            session._browser_queue._delta_index_map = {}
        else:
            clear_queue(session, parts)

    AppSession._clear_queue = cleared  # type: ignore[method-assign,assignment]
    ScriptRequests._request_rerun_locked = with_news  # type: ignore[method-assign,assignment]
    AppSession.request_rerun = with_what_waits  # type: ignore[method-assign,assignment]
    SafeSessionState.on_script_will_rerun = heard  # type: ignore[method-assign,assignment]


def _without_old_values(requests: ScriptRequests, asked: RerunData) -> RerunData:
    """A tick has no news: what somebody changed in the browser was sent at once, and stands in the
    request that still waits, if there is one."""
    if not asked.is_auto_rerun:
        return asked
    waits = requests._state is ScriptRequestType.RERUN
    return replace(asked, widget_states=None if waits else WidgetStates())


def _unheard(session: AppSession) -> WidgetStates | None:
    """What the browser sent with a click for which no callback was called, if there is one. The run
    is stopped, so that none will be."""
    if (runner := session._scriptrunner) is None:
        return None
    requests = runner._requests
    with requests._lock:
        states = requests._rerun_data.widget_states
        if states is None or states is runner._session_state.__dict__.get(_HEARD):
            return None
        requests._state = ScriptRequestType.STOP
        return states


def _will_hear(runner: ScriptRunner, states: WidgetStates | None) -> bool:
    """Whether callbacks are called for these states, for nobody has stopped the run before."""
    with runner._requests._lock:
        if runner._requests._state is ScriptRequestType.STOP:
            return False
        runner._session_state.__dict__[_HEARD] = states
        return True


def _turn(state: SessionState) -> RLock:
    """A visit's callbacks are called by one run at a time: a run that is stopped goes on with its
    own, while the next one has begun already."""
    lock: RLock = state._old_state.setdefault(_TURN, RLock())
    return lock
