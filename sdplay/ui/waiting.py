"""How a fragment waits for something: in one run that lasts, instead of a run at every tick.

A tick costs a request, a thread and everything that the fragment draws; a run that waits costs
nothing, and draws what is new in its place.  Both names below stand behind Streamlit's own timers
and clicks and are no part of its public interface, hence the pinned minor version.
"""

from streamlit import runtime
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequestType
from streamlit.runtime.scriptrunner_utils.script_run_context import (
    ThreadState,
    get_script_run_ctx,
)


def served() -> bool:
    """Whether a server runs the page; in Streamlit's own tests a stand-in says that it does."""
    return runtime.exists() and type(runtime.get_instance()) is runtime.Runtime


def interrupted() -> bool:
    """Whether the browser asks for a run, of the page or of any part of it, or has gone."""
    context = get_script_run_ctx()
    if context is None or context.script_requests is None or not served():
        return True
    return context.script_requests._state is not ScriptRequestType.CONTINUE


def tick_every(seconds: float | None) -> None:
    """From now on the browser asks so often for the fragment that runs; None: no more."""
    context, fragment = get_script_run_ctx(), ThreadState.get().fragment_id
    if context is None or fragment is None:
        return
    message = ForwardMsg()
    if seconds is None:
        message.stop_auto_rerun.fragment_ids.append(fragment)
    else:
        message.auto_rerun.interval, message.auto_rerun.fragment_id = seconds, fragment
    context.enqueue(message)
