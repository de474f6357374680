"""Finding out what stands at an A1111 address: which server, and what it tells about itself.
Nothing is required."""

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from sdplay.backends import FEATURES, Capabilities, Status
from sdplay.backends.a1111.dialects import A1111, DIALECTS, Dialect, Names
from sdplay.backends.a1111.fields import FACE_FIELDS
from sdplay.backends.a1111.scripts import CONTROLNET, Script, read_scripts
from sdplay.errors import BackendError, BackendOffline
from sdplay.http.call import Call
from sdplay.http.wire import Reply, Wire, error_text
from sdplay.prompting import NEGATIVES

FIRST_SECONDS = 2.0
ALL_SECONDS = 2.8
AT_ONCE = 4
PROGRESS = "sdapi/v1/progress?skip_current_image=true"

_ALWAYS = {
    "samplers": "sdapi/v1/samplers",
    "schedulers": "sdapi/v1/schedulers",
    "models": "sdapi/v1/sd-models",
    "options": "sdapi/v1/options",
    "upscalers": "sdapi/v1/upscalers",
    "styles": "sdapi/v1/prompt-styles",
    "latent": "sdapi/v1/latent-upscale-modes",
    "vaes": "sdapi/v1/sd-vae",
}
_FAMILY = {
    "loras": "sdapi/v1/loras",
    "embeddings": "sdapi/v1/embeddings",
    "scripts": "sdapi/v1/scripts",
    "script_info": "sdapi/v1/script-info",
    "openapi": "openapi.json",
    "modules": "sdapi/v1/sd-modules",
    "restorers": "sdapi/v1/face-restorers",
    "control_models": "controlnet/model_list",
    "control_modules": "controlnet/module_list",
}
_OTHERS = {"sdcpp": "sdcpp/v1/capabilities", "kobold": "api/extra/version", "root": ""}


@dataclass(frozen=True)
class Server:
    """What stands at the address, as far as it tells; None means it does not."""

    status: Status = "ready"
    message: str = ""
    dialect: Dialect = A1111
    version: str = ""
    names: Names = field(default_factory=Names)
    progress: bool = False
    tasks: bool = False
    """It tells about single tasks, so another person's picture is not taken for ours."""
    has_options: bool = False
    """It tells its own options."""
    options: tuple[str, ...] = ()
    """The names of all that there are, where it is one that lists them all."""
    models: Mapping[str, str] | None = None
    """Title to hash."""
    model: str = ""
    upscalers: tuple[str, ...] | None = None
    latent_modes: tuple[str, ...] = ()
    restorers: tuple[str, ...] | None = None
    styles: tuple[str, ...] | None = None
    vaes: tuple[str, ...] | None = None
    control_models: tuple[str, ...] | None = None
    control_modules: tuple[str, ...] | None = None
    loras: tuple[str, ...] | None = None
    embeddings: tuple[str, ...] | None = None
    scripts: tuple[Script, ...] | None = None
    fields: frozenset[str] | None = None
    """The request fields its own schema lists."""
    address: str = ""

    @property
    def face_restorers(self) -> tuple[str, ...]:
        """Those of the server that its extras have fields for."""
        return tuple(name for name in self.restorers or () if name in FACE_FIELDS)

    def capabilities(self) -> Capabilities:
        """In the contract's words."""
        dialect = self.dialect
        yes, unknown = _features(self)
        return Capabilities(
            status=self.status,
            message=self.message,
            version=self.version,
            features=yes,
            unknown=unknown,
            schedulers=self._schedulers(),
            scheduler_aliases=self.names.aliases(),
            chips=self._chips(),
            docs=self.docs,
            hints=self._hints(),
            models=tuple(self.models) if self.models is not None else None,
            model=self.model,
            upscalers=(*self.latent_modes, *self.upscalers) if self.upscalers is not None else None,
            face_restorers=self.face_restorers,
            styles=self.styles,
            vaes=self.vaes,
            control_models=self.control_models,
            control_modules=self.control_modules,
            scripts=tuple(dict.fromkeys(map(str, self.scripts or ()))),
            size_limits=(64, dialect.largest),
            defaults=self._defaults(),
            negatives=NEGATIVES,
        )

    def weights(self, model: str) -> str:
        """The model's title with its hash, where told."""
        title = model or self.model
        digest = (self.models or {}).get(title, "")
        return title if not digest or digest[:10] in title else f"{title} [{digest[:10]}]"

    @property
    def docs(self) -> str:
        """Where the server tells about its API; of a visitor's server nothing is linked."""
        return f"{self.address}/docs" if self.address else ""

    def has_controlnet(self) -> bool:
        """Whether the extension is there, with models or without."""
        names = {script.name.lower() for script in self.scripts or ()}
        return self.control_models is not None or CONTROLNET in names

    def _chips(self) -> dict[str, tuple[str, ...]]:
        groups = {"LoRA": self.loras, "Embeddings": self.embeddings}
        return {group: names for group, names in groups.items() if names}

    def _hints(self) -> dict[str, str]:
        if not self.progress or self.control_models or "controlnet" in self.dialect.lacks:
            return {}
        docs = (
            f" What it does offer stands in its own [API pages]({self.docs})." if self.docs else ""
        )
        if self.has_controlnet():
            return {
                "controlnet": "This server has ControlNet, but no models for it. Put some into its "
                f"folder models/ControlNet, then check again.{docs}"
            }
        return {
            "controlnet": "This server has no ControlNet. On its own page open Extensions, Install "
            "from URL, enter https://github.com/Mikubill/sd-webui-controlnet, restart it, and "
            f"check again.{docs}"
        }

    def _schedulers(self) -> tuple[str, ...] | None:
        return self.names.understood()

    def _defaults(self) -> dict[str, Any]:
        schedulers = self._schedulers()
        if not schedulers or "dpmpp_2m_karras" in schedulers:
            return {}
        return {
            "scheduler": next(
                (name for name in ("dpmpp_2m", "euler_a", "euler") if name in schedulers),
                schedulers[0],
            )
        }


def look(wire: Wire) -> Server:
    """Ask everything at once and take what is there when the time is up.  Never raises."""
    until = time.monotonic() + ALL_SECONDS
    call = Call(lambda: wire.get(PROGRESS, seconds=FIRST_SECONDS))
    try:
        if not call.wait(FIRST_SECONDS + 0.2):
            return Server(
                "down",
                f"Nothing answers at {wire.address}. Is the server running? Check {wire.setting}.",
            )
        reply = call.result()
    except BackendOffline as error:
        return Server("down", str(error))
    except BackendError:
        return Server(
            "busy",
            f"{wire.label} at {wire.address} takes connections but does not answer. It may be "
            "loading a model: wait a moment.",
        )
    if reply.status in (401, 403):
        reason = error_text(reply) or "none was given"
        return Server(
            "unauthorised",
            f"{wire.label} at {wire.address} wants a password ({wire.clean(reason)}). "
            f"Put user:password into {wire.key_setting}.",
        )
    if reply.status == 503:
        return Server(
            "starting", f"{wire.label} at {wire.address} is still starting: wait a moment."
        )
    state = _json(reply)
    family = isinstance(state, dict) and "progress" in state
    answers = _ask(wire, until, _ALWAYS | (_FAMILY if family else _OTHERS), family)
    return _server(wire, state if family else None, answers)


def _ask(wire: Wire, until: float, questions: Mapping[str, str], family: bool) -> dict[str, Any]:
    requests: dict[str, Callable[[], Reply]] = {
        name: partial(wire.get, path, seconds=ALL_SECONDS) for name, path in questions.items()
    }
    if family:
        nobody = {"id_task": "task(none)", "live_preview": False, "id_live_preview": -1}
        requests["tasks"] = partial(wire.post, "internal/progress", nobody, seconds=ALL_SECONDS)
    # Small servers keep only five connections waiting; one more costs a second.
    door = threading.Semaphore(AT_ONCE)
    calls = {name: Call(partial(_answer, ask, door)) for name, ask in requests.items()}
    return {
        name: call.result()
        for name, call in calls.items()
        if call.wait(max(0.0, until - time.monotonic()))
    }


def _answer(ask: Callable[[], Reply], door: threading.Semaphore) -> Any:
    try:
        with door:
            return _json(ask())
    except BackendError:
        return None


def _json(reply: Reply) -> Any:
    """The decoded answer of a call nobody needs: anything odd counts as not told."""
    if not reply.ok:
        return None
    try:
        return reply.json()
    except BackendError:
        return None


def _server(wire: Wire, state: dict[str, Any] | None, answers: Mapping[str, Any]) -> Server:
    fields = _fields(answers.get("openapi"))
    samplers = tuple(
        name for name in _names(answers.get("samplers"), "name") or () if name.lower() != "default"
    )
    dialect = _dialect(state, answers, fields, samplers)
    if dialect is None:
        return _silent(wire)
    options = _dict(answers.get("options"))
    root = _dict(answers.get("root"))
    model = _text(options.get("sd_model_checkpoint")) or _text(root.get("model"))
    models = _models(answers.get("models"))
    server = Server(
        dialect=dialect,
        version=_text(_dict(answers.get("kobold")).get("version")),
        names=Names(
            dialect.naming,
            samplers or None,
            _schedules(answers.get("schedulers"), dialect),
            _own_schedules(answers.get("samplers")),
            dialect.without_schedule,
        ),
        progress=state is not None,
        tasks="queued" in _dict(answers.get("tasks")),
        has_options=bool(options),
        options=tuple(options) if "CLIP_stop_at_last_layers" in options else (),
        models=models,
        model=model or (next(iter(models)) if models and len(models) == 1 else ""),
        upscalers=_names(answers.get("upscalers"), "name", without="None"),
        restorers=_names(answers.get("restorers"), "name", without="None"),
        styles=_names(answers.get("styles"), "name"),
        vaes=_vaes(answers.get("vaes")),
        latent_modes=_names(answers.get("latent"), "name") or (),
        loras=_loras(answers.get("loras")),
        embeddings=_embeddings(answers.get("embeddings")),
        scripts=read_scripts(answers.get("scripts"), answers.get("script_info")),
        address="" if wire.guest else wire.address.rstrip("/"),
        control_models=_texts(_dict(answers.get("control_models")).get("model_list")),
        control_modules=_texts(_dict(answers.get("control_modules")).get("module_list")),
        fields=fields,
    )
    return replace(server, **_status(wire, server, state))


def _silent(wire: Wire) -> Server:
    """A server that tells nothing may still make pictures; a web page with no API behind it will
    not."""
    try:
        reply = wire.get("sdapi/v1/txt2img", seconds=1)
        page = reply.is_page or (reply.status == 404 and wire.get("", seconds=1).is_page)
    except BackendError:
        page = False
    if page:
        return Server(
            "down",
            f"Something answers at {wire.address}, but not A1111's API. Start A1111 or Forge with "
            f"--api, or check {wire.setting}.",
            dialect=DIALECTS["other"],
        )
    return Server(
        "ready",
        f"A server at {wire.address} that tells nothing about itself.",
        dialect=DIALECTS["other"],
    )


def _status(wire: Wire, server: Server, state: Mapping[str, Any] | None) -> dict[str, Any]:
    server_name = f"{server.dialect.label} at {wire.address}"
    jobs = _dict((state or {}).get("state")).get("job_count")
    if isinstance(jobs, int) and jobs > 0:
        return {
            "status": "busy",
            "message": f"{server_name} is making a picture now; yours waits its turn.",
        }
    return {"message": f"{server_name} with {server.model}." if server.model else f"{server_name}."}


def _dialect(
    state: Mapping[str, Any] | None,
    answers: Mapping[str, Any],
    fields: frozenset[str] | None,
    samplers: tuple[str, ...],
) -> Dialect | None:
    """Which kind of server this is, by the marks that tell them apart."""
    if state is None:
        return _without_progress(answers)
    if "sdplay" in _text(_dict(_dict(answers.get("openapi")).get("info")).get("title")):
        return DIALECTS["sdplay"]
    if "id" in state or any("cls" in item for item in _dicts(answers.get("schedulers"))):
        return DIALECTS["sdnext"]
    if answers.get("modules") is not None or (fields and "hr_additional_modules" in fields):
        return DIALECTS["forge"]
    if fields and "hr_cfg" in fields:
        return DIALECTS["reforge"]
    if (fields and "scheduler" not in fields) or any(name.endswith(" Karras") for name in samplers):
        return DIALECTS["a1111_old"]
    return A1111


def _without_progress(answers: Mapping[str, Any]) -> Dialect | None:
    if isinstance(answers.get("sdcpp"), dict):
        return DIALECTS["sdcpp"]
    if "kobold" in str(_dict(answers.get("kobold")).get("result", "")).lower():
        return DIALECTS["koboldcpp"]
    if "guidance_scale" in _dict(answers.get("root")):
        return DIALECTS["draw_things"]
    return _plainer(answers) if any(answers.get(name) is not None for name in _ALWAYS) else None


def _plainer(answers: Mapping[str, Any]) -> Dialect:
    """An older stable-diffusion.cpp is known by the names it gives."""
    names = {name.lower() for name in _names(answers.get("samplers"), "name") or ()}
    return DIALECTS["sdcpp" if "euler_a" in names else "other"]


_NEEDS_FIELD = {
    "eta": "eta",
    "tiling": "tiling",
    "faces": "restore_faces",
    "hires_more": "hr_prompt",
    "variation": "subseed_strength",
    "styles": "styles",
    "hires": "enable_hr",
    "refiner": "refiner_checkpoint",
    "clip_skip": "override_settings",
}


def _features(server: Server) -> tuple[frozenset[str], frozenset[str]]:
    """What it surely has, and what it does not tell."""
    possible = FEATURES - {"frames", "cutouts"} - server.dialect.lacks
    sure = {"negative", "seed", "steps", "cfg", "scheduler", "size", "img2img", "payload"}
    features = {
        "progress": server.progress,
        "preview": server.progress,
        "cancel": server.progress,
        "models": bool(server.models),
        "upscale": bool(server.upscalers),
        "styles": bool(server.styles),
        "vae": bool(server.vaes),
        "controlnet": bool(server.control_models),
    }
    if server.progress:
        features |= {
            name: server.fields is None or field in server.fields
            for name, field in _NEEDS_FIELD.items()
            if name != "styles"
        }
        features |= {"inpaint": True, "mask_blur": True, "inpaint_area": True}
    not_told = {
        "models": server.models is None,
        "vae": server.vaes is None,
        "upscale": server.upscalers is None and server.progress,
    }
    yes = {name for name in possible if name in sure or features.get(name)}
    maybe = {name for name in possible - yes if not_told.get(name, name not in features)}
    return frozenset(yes), frozenset(maybe)


def _schedules(answer: Any, dialect: Dialect) -> dict[str, str] | None:
    """Name to label; SD.Next lists its samplers there, which are no schedule types."""
    if dialect.naming in ("sdnext", "a1111_old") or not isinstance(answer, list):
        return None
    return {
        _text(item.get("name")): _text(item.get("label")) or _text(item.get("name"))
        for item in _dicts(answer)
        if _text(item.get("name"))
    } or None


def _own_schedules(listed: Any) -> dict[str, str]:
    """The schedule type that each sampler takes by itself, where it says so."""
    options = {_text(item.get("name")): _dict(item.get("options")) for item in _dicts(listed)}
    return {
        name: own for name, fields in options.items() if (own := _text(fields.get("scheduler")))
    }


def _models(answer: Any) -> dict[str, str] | None:
    if not isinstance(answer, list):
        return None
    return {
        title: _hash(item)
        for item in _dicts(answer)
        if (title := _text(item.get("title") or item.get("model_name")))
    }


def _hash(item: Mapping[str, Any]) -> str:
    """The real hash; stable-diffusion.cpp fills in eights."""
    digest = _text(item.get("sha256")) or _text(item.get("hash"))
    return "" if re.fullmatch(r"8*", digest) else digest


def _fields(openapi: Any) -> frozenset[str] | None:
    schemas = _dict(_dict(_dict(openapi).get("components")).get("schemas"))
    kinds = ("Txt2Img", "Img2Img")
    listed = [_dict(schemas.get(f"StableDiffusionProcessing{kind}")) for kind in kinds]
    return frozenset(name for schema in listed for name in _dict(schema.get("properties"))) or None


def _loras(listed: Any) -> tuple[str, ...] | None:
    return _names(listed, "name")


def _embeddings(listed: Any) -> tuple[str, ...] | None:
    return tuple(_dict(listed.get("loaded"))) if isinstance(listed, dict) else None


def _names(answer: Any, key: str, without: str = "") -> tuple[str, ...] | None:
    if not isinstance(answer, list):
        return None
    return tuple(
        dict.fromkeys(
            name for item in _dicts(answer) if (name := _text(item.get(key))) and name != without
        )
    )


def _vaes(answer: Any) -> tuple[str, ...] | None:
    names = _names(answer, "model_name")
    return ("Automatic", "None", *names) if names is not None else None


def _texts(answer: Any) -> tuple[str, ...] | None:
    return (
        tuple(item for item in answer if isinstance(item, str))
        if isinstance(answer, list)
        else None
    )


def _dicts(answer: Any) -> Iterator[dict[str, Any]]:
    yield from (
        item for item in (answer if isinstance(answer, list) else ()) if isinstance(item, dict)
    )


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
