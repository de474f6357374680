"""Which model and which of an A1111 server's own options made a picture: somebody may change them
between a request and its answer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sdplay.backends.a1111.options import as_words, changed
from sdplay.backends.a1111.probe import Server
from sdplay.backends.a1111.receipt import same_model

CHECKPOINT = "sd_model_checkpoint"


@dataclass(frozen=True)
class Standing:
    """The server's options around one picture; empty where it did not tell."""

    before: Mapping[str, Any]
    during: Mapping[str, Any]
    """Read while it worked on this very picture."""
    after: Mapping[str, Any]

    def acted(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The unusual options that the picture was made with."""
        return changed(self.during or self.before, body)

    def swaps(self, body: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """Options that changed meanwhile, where it cannot be told which value acted."""
        if self.during or not self.before or not self.after:
            return {}
        before, after = changed(self.before, body), changed(self.after, body)
        return {
            name: (self.before.get(name), self.after.get(name))
            for name in {**before, **after}
            if before.get(name) != after.get(name)
        }


def version_of(
    model: str,
    server: Server,
    fields: Mapping[str, Any],
    standing: Standing,
    body: Mapping[str, Any],
) -> str:
    """What made the picture, in the words of the backend's `model_version`; a name that is never
    asked for where that is not sure."""
    expected = model or _loaded(server, standing.before)
    switched = fields.get("model") and not same_model(expected, fields)
    if expected and _names_models(server) and switched:
        titles = server.models or {}
        used = next((title for title in titles if same_model(title, fields)), str(fields["model"]))
    else:
        used = expected
    unsure = "options changed meanwhile" if standing.swaps(body) else ""
    parts = (server.weights(used), as_words(standing.acted(body)), unsure)
    return " · ".join(filter(None, parts))


def swapped(
    model: str,
    server: Server,
    fields: Mapping[str, Any],
    standing: Standing,
    body: Mapping[str, Any],
) -> Iterator[str]:
    """A sentence for everything that somebody changed at the server meanwhile."""
    expected = _loaded(server, standing.before) if _names_models(server) else ""
    if not model and expected and fields.get("model") and not same_model(expected, fields):
        yield (
            f"Model: the server had {expected} when this picture was asked for, and made it with "
            f"{fields['model']}: somebody changed it meanwhile."
        )
    digest = (server.models or {}).get(model or expected, "")[:10]
    used = str(fields.get("hash") or "")[:10]
    if digest and used and digest != used and same_model(model or expected, fields):
        yield (
            f"Model: the file behind {fields['model']} is another one than the server listed: its "
            f"hash is {used}, not {digest}."
        )
    for name, (before, after) in standing.swaps(body).items():
        yield (
            f"The server's option {name} changed from {before} to {after} while this picture was "
            "made, so it cannot be told which acted."
        )


def _names_models(server: Server) -> bool:
    """Whether its pictures tell its models by the names of its list."""
    return server.has_options and "models" not in server.dialect.lacks


def _loaded(server: Server, options: Mapping[str, Any]) -> str:
    loaded = options.get(CHECKPOINT)
    return loaded if isinstance(loaded, str) else server.model
