"""The contract of every setting with every backend: its value is in the request, or a sentence says
that it has no effect.  There is no third way.

It runs over the registries: a new knob, dialect or preset is held to it by being there.
"""

import json
from contextlib import contextmanager

import pytest
from fakes import a1111, png, sends
from fakes_predict import address, hosted

from sdplay.backends import kinds
from sdplay.backends.a1111 import A1111
from sdplay.backends.a1111.dialects import DIALECTS
from sdplay.backends.a1111.fields import FILLS
from sdplay.backends.builtin import Builtin
from sdplay.backends.local import Local
from sdplay.backends.predict import Predict
from sdplay.backends.predict.presets import PRESETS
from sdplay.errors import BackendRefused, BadParams
from sdplay.params import KNOBS, Control, Params
from sdplay.schedulers import SCHEDULERS


@contextmanager
def builtin():
    yield Builtin()


@contextmanager
def local():
    pytest.importorskip("torch", reason="the local process needs torch: pip install '.[local]'")
    from tests.local_process import shared

    yield Local(shared().url)


@contextmanager
def server(dialect):
    """A server of that kind, recognised by its own marks."""
    with a1111(dialect=FAKES.get(dialect, dialect), extras=("openapi", "controlnet")) as fake:
        if dialect in MARKS:
            fake.site.routes["GET /openapi.json"] = sends(MARKS[dialect](fake.openapi()))
        if dialect == "a1111_old":
            fake.samplers = ("DPM++ 2M Karras", "Euler a", "DDIM")
        backend = A1111(fake.url)
        known = backend.probe().message
        assert DIALECTS[dialect].label in known or dialect == "other"
        yield backend


def with_field(name):
    def marked(told):
        schemas = told["components"]["schemas"]
        schemas["StableDiffusionProcessingTxt2Img"]["properties"][name] = {}
        return told

    return marked


FAKES = {"other": "bare", "reforge": "a1111", "sdplay": "a1111"}
MARKS = {
    "reforge": with_field("hr_cfg"),
    "sdplay": lambda told: {**told, "info": {"title": "sdplay local process"}},
}
"""What tells servers of one family apart, in their schema."""


@contextmanager
def endpoint(preset):
    with hosted(preset) as fake:
        yield Predict(preset, address(preset, fake), pause=0.02, every=0.02)


BACKENDS = {
    "builtin": builtin,
    "local": local,
    **{f"a1111 {name}": lambda name=name: server(name) for name in DIALECTS},
    **{f"predict {name}": lambda name=name: endpoint(name) for name in PRESETS},
}

GUIDE, MASK = png((64, 64), "navy"), png((64, 64), "white")
PLAIN = {"prompt": "a fox", "negative": "blur", "steps": 1, "seed": 7, "cfg": 5.0}
STARTED = {"init": GUIDE, "mask": MASK, "strength": 1.0}
BASES = (
    {"variation_strength": 0.5, "scheduler": "euler_a"},
    {**STARTED, "scheduler": "euler_a"},
    {"hires_scale": 2.0},
    {"refiner": "other.safetensors [1234567890]"},
    {**STARTED, "only_masked": True},
)
"""In at least one of them each setting acts."""


@pytest.fixture(scope="module", params=BACKENDS)
def backend(request):
    with BACKENDS[request.param]() as opened:
        yield opened


@pytest.fixture(scope="module")
def capabilities(backend):
    return backend.probe()


def fitting(params, capabilities):
    """Moved to what this backend takes: its size, and a scheduler and refiner of its lists."""
    size = capabilities.sizes[0]
    low = capabilities.size_limits[0]
    side = {"width": max(low, min(size[0], 128)), "height": max(low, min(size[1], 128))}
    choices = capabilities.schedulers or tuple(SCHEDULERS)
    noisy = (name for name in choices if name in SCHEDULERS and SCHEDULERS[name].takes_eta)
    named = params.scheduler if params.scheduler in choices else next(noisy, choices[0])
    second = capabilities.models[-1] if params.refiner and capabilities.models else params.refiner
    return params.with_(scheduler=named, refiner=second, **side)


def acting(knob, capabilities):
    """Settings in which this one changes something."""
    bases = (fitting(Params(**PLAIN, **base), capabilities) for base in BASES)
    return next(base for base in bases if not knob.is_idle(base))


def resting(knob, capabilities):
    """Settings in which it changes nothing; None for one that always does."""
    if knob.idle is None:
        return None
    plain = fitting(Params(**{**PLAIN, "cfg": 1.0, "scheduler": "euler"}), capabilities)
    return plain if knob.is_idle(plain) else None


def away(knob, base, capabilities):
    """Another value than the default and the base's."""
    now = getattr(base, knob.name)
    if knob.kind is bytes:
        return png((64, 64), "olive")
    if knob.kind is tuple:
        return (Control(GUIDE, "canny [abc]", "canny", 0.5),)
    if knob.kind is bool:
        return not now
    if knob.name == "extra":
        return json.dumps({"zest": 7})
    if knob.kind is str:
        examples = knob.example.split(", ") if knob.pattern else ("another", "third")
        choices = capabilities.choices(knob) or examples
        return next(each for each in choices if each not in (now, knob.default))
    if now is None:
        return knob.kind((knob.low + knob.high) / 2)
    step = capabilities.size_step if knob.name in ("width", "height") else knob.step
    more = now + step
    return more if more != knob.default and more <= knob.high else more - 3 * step


def leaves(value):
    if isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from leaves(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from leaves(each)
    else:
        yield value


def says(request, value):
    """Whether a request has this value somewhere."""
    if isinstance(value, bool):
        return any(each is value for each in leaves(request))
    if isinstance(value, (int, float)):
        numbers = [each for each in leaves(request) if not isinstance(each, bool)]
        return value in numbers or any(str(value) in str(each).split("x") for each in numbers)
    words = {str(value), str(FILLS.index(value) if value in FILLS else value)}
    return any(str(each) in words for each in leaves(request))


def told(knob, backend, params):
    """Whether a sentence of the receipt is about this setting, or that of a refusal names it."""
    try:
        *_, picture = backend.generate(params)
    except (BadParams, BackendRefused) as error:
        return knob.label.lower() in str(error).lower()
    return any(said.startswith(knob.label) for said in picture.receipt.warnings)


def payload(backend, params):
    try:
        return backend.payload(params)
    except BadParams as error:
        return {"refused": str(error)}


@pytest.mark.parametrize("knob", KNOBS.values(), ids=KNOBS)
def test_a_changed_setting_is_in_the_request_or_a_sentence_tells(knob, backend, capabilities):
    base = acting(knob, capabilities)
    changed = base.with_(**{knob.name: away(knob, base, capabilities)})
    before, after = payload(backend, base), payload(backend, changed)
    if capabilities.offers(knob.needs) and "refused" not in after:
        assert before != after or told(knob, backend, changed)
    else:
        assert told(knob, backend, changed)


@pytest.mark.parametrize("knob", KNOBS.values(), ids=KNOBS)
def test_a_changed_setting_that_rests_is_told(knob, backend, capabilities):
    base = resting(knob, capabilities)
    if base is None:
        assert knob.idle is None or not capabilities.offers(knob.needs) or not base
        return
    changed = base.with_(**{knob.name: away(knob, base, capabilities)})
    assert told(knob, backend, changed)


OFF = ("hires_scale",)
"""At their default they ask for nothing that a server could have an opinion about."""


@pytest.mark.parametrize("knob", KNOBS.values(), ids=KNOBS)
def test_a_default_is_in_the_request_wherever_the_setting_is_offered(knob, backend, capabilities):
    base = acting(knob, capabilities).with_(**{knob.name: knob.default})
    asks = knob.default not in ("", b"", (), None) and knob.name not in OFF
    if asks and knob.name != "scheduler" and capabilities.offers(knob.needs):
        assert knob.is_idle(base) or says(payload(backend, base), knob.default)


@pytest.mark.parametrize("name", [name for name, knob in KNOBS.items() if knob.unset])
def test_what_is_left_to_the_backend_is_not_in_the_request(name, backend, capabilities):
    knob = KNOBS[name]
    base = acting(knob, capabilities)
    own = base.with_(**{name: knob.nothing})
    chosen = base.with_(**{name: away(knob, own, capabilities)})
    if capabilities.offers(knob.needs):
        assert payload(backend, own) != payload(backend, chosen)
    assert not told(knob, backend, own)


def test_every_backend_is_held_to_the_contract():
    assert {name.split()[0] for name in BACKENDS} == set(kinds())
