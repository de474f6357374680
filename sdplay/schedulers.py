"""One table: every scheduler, its names in every dialect, its family, what it costs and what it
does.

`find()` accepts any of those names.  What the engine needs (`sampler`, `sigmas`) and what the
servers need
(`a1111`, `diffusers` …) stand side by side, so that a new scheduler is one entry here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sdplay.errors import BadParams


@dataclass(frozen=True)
class Source:
    """Where an algorithm was first described."""

    title: str
    url: str


@dataclass(frozen=True)
class Scheduler:
    """One way from noise to picture."""

    id: str
    label: str
    sampler: str
    """The engine's algorithm."""
    family: str
    about: str
    """Two sentences for the page."""
    diffusers: tuple[str, Mapping[str, Any]]
    """Class and the settings that make it this one."""
    sigmas: str = "normal"
    """The engine's spacing of noise levels: normal, karras, exponential or beta."""
    stochastic: bool = False
    """Adds fresh noise on the way, so more steps never settle on one picture."""
    a1111: tuple[str, str] | None = None
    """Sampler and schedule type since 1.9; an empty schedule is left out of the request."""
    a1111_old: str = ""
    """The combined name up to 1.8, as old pictures carry it."""
    sdnext: str = ""
    sdcpp: tuple[str, str] | None = None
    draw_things: str = ""
    cog: str = ""
    """OctoAI, Cog and Replicate use the same strings."""
    comfy: tuple[str, str] | None = None
    also: tuple[str, ...] = field(default=())
    """Further spellings seen in files and requests."""

    @property
    def sources(self) -> tuple[Source, ...]:
        """Where to read about it: the algorithm, and the spacing of its steps where it has one."""
        spacing = SPACINGS.get(self.sigmas)
        return (SOURCES[self.sampler], *([spacing] if spacing else []))

    @property
    def takes_eta(self) -> bool:
        """Whether eta says how much fresh noise it adds."""
        return self.stochastic or self.sampler in OWN_ETA

    @property
    def own_eta(self) -> float:
        """Eta where nobody asks for another."""
        return OWN_ETA.get(self.sampler, 1.0 if self.stochastic else 0.0)

    def adds_noise(self, eta: float | None) -> bool:
        """Whether more steps lead to another picture instead of closer to one."""
        return self.takes_eta and (self.own_eta if eta is None else eta) > 0

    def names(self) -> set[str]:
        """Every name it goes by."""
        joined = {" ".join(pair) for pair in (self.a1111, self.sdcpp) if pair and pair[1]}
        names_alone = {self.a1111[0]} if self.a1111 and self.sigmas == "normal" else set()
        own = {
            self.id,
            self.label,
            self.a1111_old,
            self.sdnext,
            self.draw_things,
            self.cog,
            *self.also,
        }
        return {name for name in own | joined | names_alone if name}

    def evaluations(self, steps: int, skipped: int = 0) -> int:
        """How often the model is asked for that many steps, the first `skipped` left out: what the
        time really depends on."""
        run = steps - skipped
        if self.sampler == "heun":
            return _twice(run)
        return run + 1 if self.sampler == "pndm" and steps > 1 and run > 0 else max(0, run)


OWN_ETA: Mapping[str, float] = {"ddim": 0.0, "tcd": 0.3}
"""The share of fresh noise where nobody asks for another, by the engine's algorithm; others that
add any add all of it.  TCD's is the one its authors advise."""
_DPM_PAPER = Source("DPM-Solver++, Lu et al. 2022", "https://arxiv.org/abs/2211.01095")
_KARRAS = Source("Karras et al. 2022", "https://arxiv.org/abs/2206.00364")
_CROWSON = Source("k-diffusion, Katherine Crowson", "https://github.com/crowsonkb/k-diffusion")
SOURCES: Mapping[str, Source] = {
    "dpmpp_2m": _DPM_PAPER,
    "dpmpp_2m_sde": _DPM_PAPER,
    "euler": _KARRAS,
    "euler_a": Source("DDPM, Ho et al. 2020", "https://arxiv.org/abs/2006.11239"),
    "heun": _KARRAS,
    "ddim": Source("DDIM, Song et al. 2020", "https://arxiv.org/abs/2010.02502"),
    "pndm": Source("PNDM, Liu et al. 2022", "https://arxiv.org/abs/2202.09778"),
    "lms": _CROWSON,
    "unipc": Source("UniPC, Zhao et al. 2023", "https://arxiv.org/abs/2302.04867"),
    "deis": Source("DEIS, Zhang and Chen 2022", "https://arxiv.org/abs/2204.13902"),
    "lcm": Source("Latent consistency, Luo et al. 2023", "https://arxiv.org/abs/2310.04378"),
    "tcd": Source(
        "Trajectory consistency distillation, Zheng et al. 2024", "https://arxiv.org/abs/2402.19159"
    ),
    "flow_euler": Source("Rectified flow, Esser et al. 2024", "https://arxiv.org/abs/2403.03206"),
}
"""By the engine's algorithm."""
SPACINGS: Mapping[str, Source] = {
    "karras": Source("its spacing, Karras et al. 2022", _KARRAS.url),
    "exponential": Source("its spacing, k-diffusion", _CROWSON.url),
}
"""By the spacing of the noise levels, where somebody described it."""

_DPM = "DPMSolverMultistepScheduler"
_SETTLES = "Settles: past a certain number of steps the picture stays the same."
_NEVER = (
    "Never settles: every step count gives another picture, because fresh noise is "
    "added on the way."
)


def _dpm(**settings: Any) -> tuple[str, Mapping[str, Any]]:
    return _DPM, {"algorithm_type": "dpmsolver++", "use_karras_sigmas": False, **settings}


SCHEDULERS: dict[str, Scheduler] = {
    entry.id: entry
    for entry in (
        Scheduler(
            "dpmpp_2m_karras",
            "DPM++ 2M Karras",
            "dpmpp_2m",
            "DPM-Solver",
            sigmas="karras",
            about="A second-order solver that spends more of its steps at low noise, where "
            "detail forms. "
            "Usually done at 20 steps, which makes it the everyday choice. " + _SETTLES,
            diffusers=_dpm(use_karras_sigmas=True),
            a1111=("DPM++ 2M", "karras"),
            a1111_old="DPM++ 2M Karras",
            sdcpp=("dpm++2m", "karras"),
            draw_things="DPM++ 2M Karras",
            cog="KarrasDPM",
            comfy=("dpmpp_2m", "karras"),
            also=("dpm++2m karras", "k_dpmpp_2m_ka"),
        ),
        Scheduler(
            "dpmpp_2m",
            "DPM++ 2M",
            "dpmpp_2m",
            "DPM-Solver",
            about="A second-order solver that remembers the step before, so each step costs one "
            "evaluation. "
            "Good pictures from 15 to 20 steps. " + _SETTLES,
            diffusers=_dpm(),
            a1111=("DPM++ 2M", "uniform"),
            a1111_old="DPM++ 2M",
            sdnext="DPM++ 2M",
            sdcpp=("dpm++2m", "discrete"),
            cog="DPMSolverMultistep",
            comfy=("dpmpp_2m", "normal"),
            also=("DPMSolverMultistepScheduler", "DPMSolver++", "k_dpmpp_2m", "dpm++2m"),
        ),
        Scheduler(
            "dpmpp_2m_exponential",
            "DPM++ 2M Exponential",
            "dpmpp_2m",
            "DPM-Solver",
            sigmas="exponential",
            about="DPM++ 2M with noise levels spaced evenly on a logarithmic scale. "
            "Smooth backgrounds; a little softer than Karras. " + _SETTLES,
            diffusers=_dpm(use_exponential_sigmas=True, timestep_spacing="linspace"),
            a1111=("DPM++ 2M", "exponential"),
            a1111_old="DPM++ 2M Exponential",
            sdcpp=("dpm++2m", "exponential"),
            comfy=("dpmpp_2m", "exponential"),
        ),
        Scheduler(
            "dpmpp_2m_sde",
            "DPM++ 2M SDE",
            "dpmpp_2m_sde",
            "DPM-Solver",
            stochastic=True,
            about="DPM++ 2M with a little fresh noise at every step, which can repair early "
            "mistakes. " + _NEVER,
            diffusers=_dpm(algorithm_type="sde-dpmsolver++"),
            a1111=("DPM++ 2M SDE", "uniform"),
            a1111_old="DPM++ 2M SDE",
            sdnext="DPM++ 2M SDE",
            comfy=("dpmpp_2m_sde", "normal"),
        ),
        Scheduler(
            "dpmpp_2m_sde_karras",
            "DPM++ 2M SDE Karras",
            "dpmpp_2m_sde",
            "DPM-Solver",
            sigmas="karras",
            stochastic=True,
            about="DPM++ 2M SDE with more of its steps at low noise: rich detail from about 25 "
            "steps. " + _NEVER,
            diffusers=_dpm(algorithm_type="sde-dpmsolver++", use_karras_sigmas=True),
            a1111=("DPM++ 2M SDE", "karras"),
            a1111_old="DPM++ 2M SDE Karras",
            comfy=("dpmpp_2m_sde", "karras"),
        ),
        Scheduler(
            "euler",
            "Euler",
            "euler",
            "Euler",
            about="The simplest route: follow the slope the model gives, one straight piece at "
            "a time. "
            "Predictable, good from 25 to 30 steps. " + _SETTLES,
            diffusers=("EulerDiscreteScheduler", {"use_karras_sigmas": False}),
            a1111=("Euler", ""),
            a1111_old="Euler",
            sdnext="Euler",
            sdcpp=("euler", "discrete"),
            cog="K_EULER",
            comfy=("euler", "normal"),
            also=("k_euler", "EulerDiscreteScheduler"),
        ),
        Scheduler(
            "euler_karras",
            "Euler Karras",
            "euler",
            "Euler",
            sigmas="karras",
            about="Euler with more of its steps at low noise: finer detail for the same number "
            "of steps. " + _SETTLES,
            diffusers=("EulerDiscreteScheduler", {"use_karras_sigmas": True}),
            a1111=("Euler", "karras"),
            sdcpp=("euler", "karras"),
            comfy=("euler", "karras"),
        ),
        Scheduler(
            "euler_a",
            "Euler a",
            "euler_a",
            "Euler",
            stochastic=True,
            about="Euler that throws in fresh noise after every step (ancestral): soft, varied, "
            "from 20 steps. " + _NEVER,
            diffusers=("EulerAncestralDiscreteScheduler", {}),
            a1111=("Euler a", ""),
            a1111_old="Euler a",
            sdnext="Euler a",
            sdcpp=("euler_a", "discrete"),
            draw_things="Euler A",
            cog="K_EULER_ANCESTRAL",
            comfy=("euler_ancestral", "normal"),
            also=(
                "k_euler_a",
                "euler ancestral",
                "k_euler_ancestral",
                "EulerAncestralDiscreteScheduler",
            ),
        ),
        Scheduler(
            "heun",
            "Heun",
            "heun",
            "Euler",
            about="Looks ahead before every step and corrects it: two evaluations a step, so "
            "twice the time. "
            "Accurate with few steps. " + _SETTLES,
            diffusers=("HeunDiscreteScheduler", {"use_karras_sigmas": False}),
            a1111=("Heun", ""),
            a1111_old="Heun",
            sdnext="Heun",
            sdcpp=("heun", "discrete"),
            cog="HeunDiscrete",
            comfy=("heun", "normal"),
            also=("k_heun", "HeunDiscreteScheduler"),
        ),
        Scheduler(
            "heun_karras",
            "Heun Karras",
            "heun",
            "Euler",
            sigmas="karras",
            about="Heun with more of its steps at low noise. Two evaluations a step. " + _SETTLES,
            diffusers=("HeunDiscreteScheduler", {"use_karras_sigmas": True}),
            a1111=("Heun", "karras"),
            sdcpp=("heun", "karras"),
            comfy=("heun", "karras"),
        ),
        Scheduler(
            "ddim",
            "DDIM",
            "ddim",
            "DDIM",
            about="The classic fast sampler of 2020 and a good reference: steps straight along "
            "the noise. "
            "Needs 30 to 50 steps; Eta above 0 adds fresh noise. " + _SETTLES,
            diffusers=(
                "DDIMScheduler",
                {"clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1},
            ),
            a1111=("DDIM", ""),
            a1111_old="DDIM",
            sdnext="DDIM",
            sdcpp=("ddim_trailing", "discrete"),
            draw_things="DDIM",
            cog="DDIM",
            comfy=("ddim", "normal"),
            also=("DDIMScheduler",),
        ),
        Scheduler(
            "pndm",
            "PNDM",
            "pndm",
            "Adams",
            about="The original sampler of Stable Diffusion: combines the last four slopes, one "
            "evaluation more "
            "than its steps. Good from 30 to 50. " + _SETTLES,
            diffusers=(
                "PNDMScheduler",
                {"skip_prk_steps": True, "set_alpha_to_one": False, "steps_offset": 1},
            ),
            a1111=("PLMS", ""),
            a1111_old="PLMS",
            sdnext="PNDM",
            draw_things="PLMS",
            cog="PNDM",
            comfy=("ipndm", "normal"),
            also=("PNDMScheduler", "k_plms"),
        ),
        Scheduler(
            "lms",
            "LMS",
            "lms",
            "Adams",
            about="Combines the slopes of the last four steps. Cheap per step, but brittle with "
            "few: use 30 or "
            "more. " + _SETTLES,
            diffusers=("LMSDiscreteScheduler", {"use_karras_sigmas": False}),
            a1111=("LMS", ""),
            a1111_old="LMS",
            sdnext="LMSD",
            sdcpp=("lms", "discrete"),
            cog="KLMS",
            comfy=("lms", "normal"),
            also=("k_lms", "LMSDiscreteScheduler"),
        ),
        Scheduler(
            "lms_karras",
            "LMS Karras",
            "lms",
            "Adams",
            sigmas="karras",
            about="LMS with more of its steps at low noise, which calms it. " + _SETTLES,
            diffusers=("LMSDiscreteScheduler", {"use_karras_sigmas": True}),
            a1111=("LMS", "karras"),
            a1111_old="LMS Karras",
            sdcpp=("lms", "karras"),
            comfy=("lms", "karras"),
        ),
        Scheduler(
            "unipc",
            "UniPC",
            "unipc",
            "UniPC",
            about="Predicts each step and corrects it with the next evaluation, at no extra cost. "
            "Among the best at 8 to 15 steps. " + _SETTLES,
            diffusers=("UniPCMultistepScheduler", {"use_karras_sigmas": False}),
            a1111=("UniPC", ""),
            a1111_old="UniPC",
            sdnext="UniPC",
            draw_things="UniPC",
            cog="UniPCMultistep",
            comfy=("uni_pc", "normal"),
            also=("UniPCMultistepScheduler", "uni_pc"),
        ),
        Scheduler(
            "unipc_karras",
            "UniPC Karras",
            "unipc",
            "UniPC",
            sigmas="karras",
            about="UniPC with more of its steps at low noise. " + _SETTLES,
            diffusers=("UniPCMultistepScheduler", {"use_karras_sigmas": True}),
            a1111=("UniPC", "karras"),
            comfy=("uni_pc", "karras"),
        ),
        Scheduler(
            "deis",
            "DEIS",
            "deis",
            "Adams",
            about="Fits a curve through the last slopes, in a scale made for diffusion. Fast: "
            "10 to 20 steps. " + _SETTLES,
            diffusers=("DEISMultistepScheduler", {"use_karras_sigmas": False}),
            sdnext="DEIS",
            cog="DEISMultistep",
            comfy=("deis", "normal"),
            also=("DEISMultistepScheduler",),
        ),
        Scheduler(
            "lcm",
            "LCM",
            "lcm",
            "Consistency",
            stochastic=True,
            about="Made for models distilled to 4 to 8 steps, with CFG near 1. On an ordinary "
            "model it stays "
            "blurred, which is worth seeing once. " + _NEVER,
            diffusers=("LCMScheduler", {}),
            a1111=("LCM", ""),
            a1111_old="LCM",
            sdnext="LCM",
            sdcpp=("lcm", "discrete"),
            draw_things="LCM",
            cog="LCM",
            comfy=("lcm", "normal"),
            also=("LCMScheduler",),
        ),
        Scheduler(
            "tcd",
            "TCD",
            "tcd",
            "Consistency",
            stochastic=True,
            about="LCM's successor for models distilled to a few steps: it keeps part of the noise "
            "that is there, and Eta says how much comes fresh. It gains detail with more steps "
            "where LCM loses it. " + _NEVER,
            diffusers=("TCDScheduler", {}),
            sdnext="TCD",
            sdcpp=("tcd", "discrete"),
            draw_things="TCD",
            also=("TCDScheduler",),
        ),
        Scheduler(
            "flow_euler",
            "Flow Euler",
            "flow_euler",
            "Flow matching",
            about="Euler for models that learned straight paths from noise to picture (SD3, FLUX). "
            "It does not fit older models. " + _SETTLES,
            diffusers=("FlowMatchEulerDiscreteScheduler", {}),
            comfy=("euler", "simple"),
            also=("FlowMatchEulerDiscreteScheduler",),
        ),
    )
}

OCTOAI = ("PNDM", "KLMS", "DDIM", "K_EULER", "K_EULER_ANCESTRAL", "DPMSolverMultistep")
"""The six names of the OctoAI playground, in its order."""

PRESETS: tuple[tuple[str, int], ...] = (("dpmpp_2m", 20), ("euler", 30), ("euler_a", 35))
"""Known good pairs of scheduler and steps: they change nothing else."""


@lru_cache(maxsize=1024)  # a large plan asks for the same few names thousands of times
def spelled(name: str) -> str:
    """A name as it is compared: in small letters, underscores and spaces alike."""
    return " ".join(name.replace("_", " ").lower().split())


_BY_NAME: dict[str, Scheduler] = {}
for _entry in SCHEDULERS.values():
    for _name in _entry.names():
        _BY_NAME.setdefault(spelled(_name), _entry)
for _entry in SCHEDULERS.values():
    _BY_NAME[spelled(_entry.id)] = _entry


def find(name: str, schedule: str = "") -> Scheduler | None:
    """The scheduler of that name in any dialect, with A1111's schedule type when it stands apart;
    else None."""
    schedule = spelled(schedule)
    if schedule in ("", "automatic", "uniform", "normal", "discrete", "default"):
        return _BY_NAME.get(spelled(name))
    base = _BY_NAME.get(spelled(name))
    if base is None:
        return None
    for entry in SCHEDULERS.values():
        if entry.sampler == base.sampler and entry.sigmas == schedule:
            return entry
    return None


def evaluations(name: str, steps: int, skipped: int = 0) -> int:
    """How often the model is asked by the scheduler of that name, one that only a server has
    included."""
    if entry := find(name):
        return entry.evaluations(steps, skipped)
    run, words = max(0, steps - skipped), f"{spelled(name)} "
    return _twice(run) if any(words.startswith(f"{each} ") for each in _TWICE) else run


def is_counted(name: str) -> bool:
    """Whether the number of steps tells how often the scheduler of that name asks the model."""
    return not f"{spelled(name)} ".startswith(_OWN_STEPS)


def adds_noise(name: str, eta: float | None) -> bool:
    """Whether more steps lead to another picture instead of closer to one, with the scheduler of
    that name, one that only a server has included."""
    if entry := find(name):
        return entry.adds_noise(eta)
    return eta != 0 and not _FRESH.isdisjoint(spelled(name).split())


_OWN_STEPS = ("dpm adaptive ", "restart ")
"""Samplers of servers that choose how often they ask the model themselves."""
_FRESH = {"a", "ancestral", "sde", "lcm", "tcd", "restart", "ddpm"}
"""Words in the names of samplers that add fresh noise."""
_TWICE = ("heun", "dpm2", "dpm++ 2s", "dpm++2s", "dpm++ sde")
"""Samplers of servers that ask the model twice a step, whatever schedule type stands behind."""


def _twice(run: int) -> int:
    """Two evaluations a step, and one for the last, which has nothing left to correct."""
    return max(0, 2 * run - 1)


def scheduler_label(name: str) -> str:
    """The name for people; a word that is none of ours stays as it is."""
    return SCHEDULERS[name].label if name in SCHEDULERS else name


def known(name: str) -> Scheduler:
    """find(), or a sentence that names the choices."""
    entry = find(name)
    if entry is None:
        raise BadParams(
            f"There is no scheduler called {name!r}. There are: {', '.join(SCHEDULERS)}."
        )
    return entry
