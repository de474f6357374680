"""The queue of this process: owners take turns, people before sweeps, and every job can be watched
and stopped."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from traceback import format_exc
from typing import Literal
from uuid import uuid4

from sdplay.errors import BackendError, BackendRefused, BadParams, Cancelled, PlayError
from sdplay.server.extras.addons import loras_in
from sdplay.server.models import Models
from sdplay.server.render import Rendered, RenderStep, render
from sdplay.server.request import PictureRequest, check
from sdplay.settings import without_secrets
from sdplay.sharing.turns import Claim, Turns, fits, most_workers

LOG = logging.getLogger(__name__)
State = Literal["queued", "running", "done", "failed", "cancelled"]
DIED = "The picture's worker broke down; another one has taken its place. Try again."


class Ticket:
    """One picture that is waiting or at work.  One worker writes it, anybody may read it."""

    def __init__(self, request: PictureRequest, id: str) -> None:
        self.request, self.id = request, id
        self.state: State = "queued"
        self.step = RenderStep()
        self.rendered: Rendered | None = None
        self.error: PlayError | None = None
        self.created = time.monotonic()
        self.started = self.ended = 0.0
        self.stop = threading.Event()
        self._watchers: list[Callable[[], None]] = []

    @property
    def over(self) -> bool:
        return self.state in ("done", "failed", "cancelled")

    @contextmanager
    def watched(self, tell: Callable[[], None]) -> Iterator[None]:
        """Call `tell` after every change; from a worker's thread."""
        self._watchers.append(tell)
        try:
            yield
        finally:
            self._watchers.remove(tell)

    def changed(self) -> None:
        for tell in list(self._watchers):
            tell()


class Queue:
    """All tickets that are not over yet, and the workers that serve them."""

    def __init__(self, models: Models, *, at_once: int = 32, most_waiting: int = 500) -> None:
        self.models, self.at_once, self.most_waiting = models, at_once, most_waiting
        self.tickets: dict[str, Ticket] = {}
        self._turns = Turns()
        self._workers = 0
        self._lock = threading.Lock()

    def submit(self, *requests: PictureRequest, id: str = "") -> list[Ticket]:
        """Queue these pictures together, or none of them."""
        for request in requests:
            check(request.params, self.models)
            for model in filter(None, (request.params.model, request.params.refiner)):
                self.models.named(model)
            for unit in request.params.control:
                self.models.net(unit.model)
            for lora in loras_in(request.params.prompt):
                self.models.lora(lora.name)
        with self._lock:
            waiting = [ticket for ticket in self.tickets.values() if ticket.state == "queued"]
            if len(waiting) + len(requests) > self.most_waiting:
                raise BackendRefused(
                    f"{len(waiting)} pictures are waiting already, and this process takes "
                    f"{self.most_waiting}. Try again in a moment.",
                    retry_after=5,
                )
            if id in self.tickets:
                raise BadParams(f"There is a job called {id!r} already. Choose another name.")
            tickets = [
                Ticket(request, id if id and at == 0 else uuid4().hex)
                for at, request in enumerate(requests)
            ]
            for ticket in tickets:
                self.tickets[ticket.id] = ticket
            self._hire(len(tickets))
        return tickets

    def cancel(self, ticket: Ticket) -> None:
        """Stop one job, waiting or running."""
        ticket.stop.set()
        with self._lock:
            if ticket.state == "queued":
                self._end(ticket, "cancelled")
        ticket.changed()

    def ahead(self, ticket: Ticket) -> int:
        """How many pictures start before this one."""
        with self._lock:
            order = self._order()
            return order.index(ticket) if ticket in order else 0

    def watched(self) -> int:
        """How many pictures at work are wanted with previews."""
        with self._lock:
            return sum(
                ticket.state == "running" and ticket.request.previews
                for ticket in self.tickets.values()
            )

    def _hire(self, waiting: int) -> None:
        for _ in range(min(waiting, most_workers(self.at_once) - self._workers)):
            threading.Thread(target=self._work, name="queue", daemon=True).start()
            self._workers += 1

    def _work(self) -> None:
        """The loop of one worker: it serves until nothing waits.  If its thread dies, another one
        takes over."""
        try:
            while ticket := self._next():
                try:
                    self._serve(ticket)
                finally:
                    if not ticket.over:  # nothing that _serve foresees: its thread is dying
                        ticket.error = BackendError(DIED)
                        self._finish(ticket, "failed")
        finally:
            with self._lock:
                self._workers -= 1
                self._hire(len(self._startable()))

    def _next(self) -> Ticket | None:
        with self._lock:
            ready = self._startable()
            if not ready:
                return None
            ticket = ready[0]
            self._turns.serve(_claim(ticket))
            ticket.state, ticket.started = "running", time.monotonic()
        ticket.changed()
        return ticket

    def _order(self) -> list[Ticket]:
        """The waiting tickets in the order of their turns."""
        waiting = [ticket for ticket in self.tickets.values() if ticket.state == "queued"]
        return self._turns.order(waiting, _claim)

    def _startable(self) -> list[Ticket]:
        """The waiting tickets that may start beside those at work."""
        tickets = self.tickets.values()
        working = [_claim(ticket) for ticket in tickets if ticket.state == "running"]
        return [ticket for ticket in self._order() if fits(_claim(ticket), working, self.at_once)]

    def _serve(self, ticket: Ticket) -> None:
        events = render(self.models, ticket.request, ticket.stop.is_set)
        try:
            for event in events:
                if isinstance(event, Rendered):
                    ticket.rendered = event
                else:
                    ticket.step = event
                if ticket.stop.is_set() and not ticket.request.partial:
                    break
                ticket.changed()
            self._finish(
                ticket, "done" if ticket.rendered and not ticket.rendered.partial else "cancelled"
            )
        except Cancelled:
            self._finish(ticket, "cancelled")
        except PlayError as error:
            ticket.error = error
            self._finish(ticket, "failed")
        except Exception:
            # A worker serves everybody: a bug in one job is logged and told, and the next one runs.
            failure = without_secrets(format_exc())
            LOG.error("job %s failed\n%s", ticket.id, failure)  # noqa: TRY400 - that prints keys
            ticket.error = BackendError(
                "Something went wrong inside the process; its log has the details."
            )
            self._finish(ticket, "failed")
        finally:
            events.close()  # type: ignore[attr-defined]  # a generator: closing it cancels the job

    def _finish(self, ticket: Ticket, state: State) -> None:
        with self._lock:
            self._end(ticket, state)
        ticket.changed()

    def _end(self, ticket: Ticket, state: State) -> None:
        ticket.ended, ticket.state = time.monotonic(), state
        self.tickets.pop(ticket.id, None)


def _claim(ticket: Ticket) -> Claim:
    return Claim(ticket.request.owner, single=ticket.request.urgent)
