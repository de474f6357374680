"""Samplers as plans.  Every step is a linear combination with scalar coefficients, worked out
before the first runs:

    m  = p·x + q·output                       what a sampler remembers: slope, noise, clean picture
    x  = Σ aᵢ·xᵢ + Σ bᵢ·mᵢ                    only UniPC: correct x with the new m
    x' = Σ aᵢ·xᵢ + Σ bᵢ·mᵢ + c·noise          newest first

So one loop runs them all, on numpy and on torch arrays.  Grids and coefficients follow diffusers
0.42, which the tests use as the oracle.  Papers: DDIM 2010.02502, PNDM 2202.09778,
Karras/Heun/Euler 2206.00364, DPM-Solver++ 2211.01095,
UniPC 2302.04867, DEIS 2204.13902, LCM 2310.04378, TCD 2402.19159, beta spacing 2407.12173,
flow matching 2403.03206.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sdplay.schedulers import OWN_ETA

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Mix:
    """Coefficients of the last samples and of the last model memories, newest first."""

    xs: tuple[float, ...]
    ms: tuple[float, ...] = ()


@dataclass(frozen=True)
class Step:
    """One model call and what becomes of its answer."""

    t: float
    """The time the model is told."""
    sigma: float
    """The noise level it starts from, as noise over signal."""
    scale: float
    """x is multiplied by this before the model sees it."""
    memory: tuple[float, float]
    """p and q: m = p·x + q·output."""
    clean: tuple[float, float]
    """The same for the clean picture the model predicts."""
    update: Mix
    noise: float = 0.0
    correct: Mix | None = None
    after: tuple[float, float] = (1.0, 0.0)
    """Signal and noise in x after this step: what a masked region is set to."""


@dataclass(frozen=True)
class SamplerPlan:
    """All steps of one run, and how it begins."""

    steps: tuple[Step, ...]
    begin: tuple[float, float]
    """Signal and noise of the first x: signal is 0 without a start image."""


@dataclass(frozen=True)
class Levels:
    """The noise schedule a model was trained on, and what it predicts: eps, v or flow."""

    signal: tuple[float, ...]
    """The share of the picture's variance left at each training time (diffusers'
    alphas_cumprod)."""
    predicts: str = "eps"
    flow_shift: float = 1.0

    @classmethod
    def scaled_linear(
        cls, start: float = 0.00085, end: float = 0.012, count: int = 1000, **fields: object
    ) -> "Levels":
        """Stable Diffusion's schedule."""
        betas = np.linspace(start**0.5, end**0.5, count, dtype=np.float32) ** 2
        signal = np.cumprod(1 - betas, dtype=np.float32)
        return cls(tuple(float(value) for value in signal), **fields)  # type: ignore[arg-type]

    @property
    def sigmas(self) -> Floats:
        """Noise over signal at each training time."""
        signal = np.array(self.signal)
        sigmas: Floats = np.sqrt((1 - signal) / signal)
        return sigmas

    def time_of(self, sigma: Floats) -> Floats:
        """The training time of a noise level, between the whole ones if need be."""
        return np.interp(
            np.log(np.maximum(sigma, 1e-10)), np.log(self.sigmas), np.arange(len(self.signal))
        )


def plan(
    sampler: str,
    spacing: str,
    steps: int,
    levels: Levels,
    *,
    strength: float = 1.0,
    from_image: bool = False,
    eta: float | None = None,
) -> SamplerPlan:
    """The plan of one run; with a start image only the last `strength` share of the steps is run.
    Without an eta, the sampler's own counts."""
    if eta is None:
        eta = OWN_ETA.get(sampler, 1.0)
    whole = SAMPLERS[sampler](levels, steps, spacing, eta, 0)
    if not from_image:
        return whole
    skip = max(steps - int(steps * strength), 0)
    if skip >= steps:
        return SamplerPlan((), (1.0, 0.0))
    return SAMPLERS[sampler](levels, steps, spacing, eta, skip)


def noise_levels(sampler: str, spacing: str, steps: int, levels: Levels) -> list[float]:
    """The noise level before each step: the drawing of a schedule."""
    return [step.sigma for step in plan(sampler, spacing, steps, levels).steps]


def _karras(low: float, high: float, steps: int) -> Floats:
    spread: Floats = (
        high ** (1 / 7) + np.linspace(0, 1, steps) * (low ** (1 / 7) - high ** (1 / 7))
    ) ** 7
    return spread


def _exponential(low: float, high: float, steps: int) -> Floats:
    return np.exp(np.linspace(math.log(high), math.log(low), steps))


def _beta(low: float, high: float, steps: int) -> Floats:
    angle = np.linspace(0, math.pi / 2, 200_001)
    density = np.sin(angle) ** 0.2 * np.cos(angle) ** 0.2
    share = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return (
        low
        + (high - low)
        * np.sin(np.interp(1 - np.linspace(0, 1, steps), share / share[-1], angle)) ** 2
    )


SPREADS: Mapping[str, Callable[[float, float, int], Floats]] = {
    "karras": _karras,
    "exponential": _exponential,
    "beta": _beta,
}
"""How noise levels go from the largest to the smallest, in so many steps."""
SPACINGS = ("normal", *SPREADS)
"""What a scheduler may ask for. A sampler with noise levels of its own takes no notice of it."""


def _spaced(sigmas: Floats, spacing: str, steps: int) -> Floats:
    """Noise levels from the largest of these to the smallest, spread anew."""
    return SPREADS[spacing](float(sigmas.min()), float(sigmas.max()), steps)


def _slope_grid(levels: Levels, steps: int, spacing: str) -> tuple[Floats, Floats]:
    """Times and noise levels of the Euler family: from the last training time to the first, then
    zero."""
    last = len(levels.signal) - 1
    times = np.linspace(0, last, steps, dtype=np.float32)[::-1].astype(np.float64)
    if steps == 1:
        times = np.array([float(last)])  # diffusers takes the first, where nothing is left to do
    sigmas = np.interp(times, np.arange(len(levels.signal)), levels.sigmas)
    if spacing != "normal":
        sigmas = _spaced(sigmas, spacing, steps)
        times = levels.time_of(sigmas)
    return times, np.append(sigmas, 0.0).astype(np.float32).astype(np.float64)


def _solver_grid(
    levels: Levels, steps: int, spacing: str, last: str = "zero"
) -> tuple[Floats, Floats]:
    """Times and noise levels of DPM-Solver, UniPC and DEIS: whole training times, the first one
    left out."""
    count = len(levels.signal)
    times = np.linspace(0, count - 1, steps + 1).round()[::-1][:-1]
    sigmas = np.interp(times, np.arange(count), levels.sigmas)
    if spacing != "normal":
        sigmas = _spaced(levels.sigmas, spacing, steps)
        times = levels.time_of(sigmas)
        # diffusers cuts off the fraction, and its largest noise level comes out a hair below the
        # last training time.
        times = times.round() if spacing == "karras" else np.floor(np.maximum(times - 1e-6, 0))
    end = {"zero": 0.0, "smallest": levels.sigmas[0]}[last]
    return times, np.append(sigmas, end).astype(np.float32).astype(np.float64)


def _slope(levels: Levels, sigma: float) -> tuple[tuple[float, float], tuple[float, float], float]:
    """Memory (the slope dx/dσ), clean picture and input scale for x = picture + σ·noise."""
    norm = math.sqrt(sigma**2 + 1)
    p, q = (sigma / norm**2, 1 / norm) if levels.predicts == "v" else (0.0, 1.0)
    return (p, q), (1 - sigma * p, -sigma * q), 1 / norm


def _split(
    levels: Levels, alpha: float, sigma: float
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Clean picture and noise from x = α·picture + σ·noise and the model's answer."""
    if levels.predicts == "v":
        return (alpha, -sigma), (sigma, alpha)
    return (1 / alpha, -sigma / alpha), (0.0, 1.0)


def _parts(sigma: float) -> tuple[float, float]:
    """α and σ with α² + σ² = 1 for a ratio of noise to signal."""
    alpha = 1 / math.sqrt(sigma**2 + 1)
    return alpha, sigma * alpha


def _log_ratio(sigma: float) -> float:
    return -math.log(sigma) if sigma > 0 else math.inf


def _euler(levels: Levels, steps: int, spacing: str, eta: float, skip: int) -> SamplerPlan:
    times, sigmas = _slope_grid(levels, steps, spacing)
    planned = []
    for i in range(skip, steps):
        memory, clean, scale = _slope(levels, sigmas[i])
        planned.append(
            Step(
                times[i],
                sigmas[i],
                scale,
                memory,
                clean,
                Mix((1.0,), (sigmas[i + 1] - sigmas[i],)),
                after=(1.0, sigmas[i + 1]),
            )
        )
    return SamplerPlan(tuple(planned), (float(skip > 0), sigmas[skip]))


def _euler_ancestral(
    levels: Levels, steps: int, spacing: str, eta: float, skip: int
) -> SamplerPlan:
    base = _euler(levels, steps, spacing, eta, skip)
    planned = []
    for step in base.steps:
        now, then = step.sigma, step.after[1]
        up = min(then, eta * math.sqrt(max(then**2 * (now**2 - then**2) / now**2, 0.0)))
        down = math.sqrt(max(then**2 - up**2, 0.0))
        planned.append(replace(step, update=Mix((1.0,), (down - now,)), noise=up))
    return SamplerPlan(tuple(planned), base.begin)


def _heun(levels: Levels, steps: int, spacing: str, eta: float, skip: int) -> SamplerPlan:
    times, sigmas = _slope_grid(levels, steps, spacing)
    planned = []
    for i in range(skip, steps):
        memory, clean, scale = _slope(levels, sigmas[i])
        width = sigmas[i + 1] - sigmas[i]
        planned.append(
            Step(
                times[i],
                sigmas[i],
                scale,
                memory,
                clean,
                Mix((1.0,), (width,)),
                after=(1.0, sigmas[i + 1]),
            )
        )
        if i + 1 < steps:
            memory, clean, scale = _slope(levels, sigmas[i + 1])
            average = Mix((0.0, 1.0), (width / 2, width / 2))
            planned.append(
                Step(
                    times[i + 1],
                    sigmas[i + 1],
                    scale,
                    memory,
                    clean,
                    average,
                    after=(1.0, sigmas[i + 1]),
                )
            )
    return SamplerPlan(tuple(planned), (float(skip > 0), sigmas[skip]))


def _lms(levels: Levels, steps: int, spacing: str, eta: float, skip: int) -> SamplerPlan:
    times, sigmas = _slope_grid(levels, steps, spacing)
    planned = []
    for i in range(skip, steps):
        memory, clean, scale = _slope(levels, sigmas[i])
        order = min(i + 1, 4)
        # With a start image diffusers fits a curve through slopes it never had and drops those
        # terms: equality was
        # chosen over repair.
        weights = [_lagrange(sigmas, i, order, k) for k in range(min(order, i + 1 - skip))]
        planned.append(
            Step(
                times[i],
                sigmas[i],
                scale,
                memory,
                clean,
                Mix((1.0,), tuple(weights)),
                after=(1.0, sigmas[i + 1]),
            )
        )
    return SamplerPlan(tuple(planned), (float(skip > 0), sigmas[skip]))


def _lagrange(sigmas: Floats, i: int, order: int, k: int) -> float:
    """The integral over this step of the polynomial that is 1 at the k-th last noise level and 0 at
    the others."""
    others = [sigmas[i - j] for j in range(order) if j != k]
    curve = (
        np.polynomial.Polynomial.fromroots(others) if others else np.polynomial.Polynomial([1.0])
    )
    whole = curve.integ()
    return float(
        (whole(sigmas[i + 1]) - whole(sigmas[i]))
        / np.prod([sigmas[i - k] - level for level in others])
    )


def _leading(levels: Levels, steps: int) -> tuple[list[int], int]:
    """Whole times of DDIM and PNDM, and the distance between them."""
    stride = len(levels.signal) // steps
    if steps == 1:
        return [stride - 1], stride  # as in _slope_grid
    return [at * stride + 1 for at in range(steps)][::-1], stride


def _at(levels: Levels, t: int) -> tuple[float, float]:
    """Signal and noise at a training time; before the first one the first one counts."""
    signal = levels.signal[min(max(t, 0), len(levels.signal) - 1)]
    return math.sqrt(signal), math.sqrt(1 - signal)


def _ddim(levels: Levels, steps: int, spacing: str, eta: float, skip: int) -> SamplerPlan:
    times, stride = _leading(levels, steps)
    planned = []
    for t in times[skip:]:
        (alpha, sigma), (alpha2, sigma2) = _at(levels, t), _at(levels, t - stride)
        clean, _ = _split(levels, alpha, sigma)
        fresh = eta * sigma2 / sigma * math.sqrt(max(1 - (alpha / alpha2) ** 2, 0.0))
        remaining = math.sqrt(max(sigma2**2 - fresh**2, 0.0))
        # m is the clean picture; the noise is what x holds beside it.
        update = Mix((remaining / sigma,), (alpha2 - remaining * alpha / sigma,))
        planned.append(
            Step(t, sigma / alpha, 1.0, clean, clean, update, noise=fresh, after=(alpha2, sigma2))
        )
    begin = _at(levels, times[skip])
    return SamplerPlan(tuple(planned), begin if skip else (0.0, 1.0))


_ADAMS = {
    2: (3 / 2, -1 / 2),
    3: (23 / 12, -16 / 12, 5 / 12),
    4: (55 / 24, -59 / 24, 37 / 24, -9 / 24),
}


def _pndm(levels: Levels, steps: int, spacing: str, eta: float, skip: int) -> SamplerPlan:
    ahead, stride = _leading(levels, steps)
    times = [ahead[0], *ahead[1:2], *ahead[1:]][skip:]
    planned = []
    for count, t in enumerate(times):
        # The second call refines the first step: it starts again from the first x, and its answer
        # is not kept.
        start, end = (t + stride, t) if count == 1 else (t, t - stride)
        weights = ((1.0,), (0.5, 0.5))[count] if count < 2 else _ADAMS[min(count, 4)]
        if 2 <= count <= 4:
            weights = (*weights[: count - 1], 0.0, *weights[count - 1 :])
        (a1, s1), (a2, s2) = _at(levels, start), _at(levels, end)
        carry, push = a2 / a1, -(a2**2 - a1**2) / (a1**2 * s2 + a1 * s1 * a2)
        if levels.predicts == "v":
            carry, push = carry + push * s1, push * a1
        clean, _ = _split(levels, *_at(levels, t))
        planned.append(
            Step(
                t,
                levels.sigmas[t],
                1.0,
                (0.0, 1.0),
                clean,
                Mix(
                    (0.0, carry) if count == 1 else (carry,),
                    tuple(push * weight for weight in weights),
                ),
                after=_at(levels, (*times, t - stride)[count + 1]),
            )
        )
    return SamplerPlan(tuple(planned), _at(levels, times[0]) if skip else (0.0, 1.0))


def _dpmpp_2m(
    levels: Levels, steps: int, spacing: str, eta: float, skip: int, sde: bool = False
) -> SamplerPlan:
    times, sigmas = _solver_grid(levels, steps, spacing)
    planned = []
    for i in range(skip, steps):
        (alpha, sigma), (alpha2, sigma2) = _parts(sigmas[i]), _parts(sigmas[i + 1])
        clean, _ = _split(levels, alpha, sigma)
        h = _log_ratio(sigmas[i + 1]) - _log_ratio(sigmas[i])
        carry, gain, fresh = sigma2 / sigma, -alpha2 * math.expm1(-h), 0.0
        if sde:
            extra = eta * h if eta else 0.0  # at the end h is infinite
            carry, gain = carry * math.exp(-extra), -alpha2 * math.expm1(-h - extra)
            fresh = sigma2 * math.sqrt(-math.expm1(-2 * extra))
        half = 0.0
        if i > skip and i + 1 < steps:
            half = gain * 0.5 * h / (_log_ratio(sigmas[i]) - _log_ratio(sigmas[i - 1]))
        planned.append(
            Step(
                times[i],
                sigmas[i],
                1.0,
                clean,
                clean,
                Mix((carry,), (gain + half, -half)),
                noise=fresh,
                after=(alpha2, sigma2),
            )
        )
    return SamplerPlan(tuple(planned), _parts(sigmas[skip]) if skip else (0.0, 1.0))


def _dpmpp_2m_sde(levels: Levels, steps: int, spacing: str, eta: float, skip: int) -> SamplerPlan:
    return _dpmpp_2m(levels, steps, spacing, eta, skip, sde=True)


def _deis(levels: Levels, steps: int, spacing: str, eta: float, skip: int) -> SamplerPlan:
    times, sigmas = _solver_grid(levels, steps, spacing, last="smallest")
    planned = []
    for i in range(skip, steps):
        (alpha, sigma), (alpha2, sigma2) = _parts(sigmas[i]), _parts(sigmas[i + 1])
        clean, eps = _split(levels, alpha, sigma)
        if i == skip or (i + 1 == steps and steps < 15):
            h = math.log(sigmas[i] / sigmas[i + 1]) if sigmas[i] != sigmas[i + 1] else 0.0
            ms: tuple[float, ...] = (-sigma2 * math.expm1(h),)
        else:
            now, then, before = sigmas[i], sigmas[i + 1], sigmas[i - 1]
            ms = tuple(
                alpha2 * (_deis_integral(then, *pair) - _deis_integral(now, *pair))
                for pair in ((now, before), (before, now))
            )
        planned.append(
            Step(
                times[i],
                sigmas[i],
                1.0,
                eps,
                clean,
                Mix((alpha2 / alpha,), ms),
                after=(alpha2, sigma2),
            )
        )
    return SamplerPlan(tuple(planned), _parts(sigmas[skip]) if skip else (0.0, 1.0))


def _deis_integral(t: float, b: float, c: float) -> float:
    """The integral of (ln t - ln c)/(ln b - ln c)."""
    return t * (math.log(t) - math.log(c) - 1) / (math.log(b) - math.log(c))


def _unipc(levels: Levels, steps: int, spacing: str, eta: float, skip: int) -> SamplerPlan:
    times, sigmas = _solver_grid(levels, steps, spacing)
    planned, order_before = [], 0
    for i in range(skip, steps):
        (alpha, sigma), (alpha2, sigma2) = _parts(sigmas[i]), _parts(sigmas[i + 1])
        clean, _ = _split(levels, alpha, sigma)
        correct = _unipc_corrector(sigmas, i, order_before) if i > skip else None
        order = min(2, steps - i, i - skip + 1)
        h = _log_ratio(sigmas[i + 1]) - _log_ratio(sigmas[i])
        gain, half = -alpha2 * math.expm1(-h), 0.0
        if order == 2:
            half = gain * 0.5 * h / (_log_ratio(sigmas[i]) - _log_ratio(sigmas[i - 1]))
        planned.append(
            Step(
                times[i],
                sigmas[i],
                1.0,
                clean,
                clean,
                Mix((sigma2 / sigma,), (gain + half, -half)),
                correct=correct,
                after=(alpha2, sigma2),
            )
        )
        order_before = order
    return SamplerPlan(tuple(planned), _parts(sigmas[skip]) if skip else (0.0, 1.0))


def _unipc_corrector(sigmas: Floats, i: int, order: int) -> Mix:
    """UniC (B2): x at i again, from x and m at i-1, m at i-2 and the new m."""
    (_, sigma1), (alpha, sigma) = _parts(sigmas[i - 1]), _parts(sigmas[i])
    h = _log_ratio(sigmas[i]) - _log_ratio(sigmas[i - 1])
    grow = math.expm1(-h)
    if order == 1:
        new, old = 0.5, 0.0
        ratio = 1.0
    else:
        ratio = (_log_ratio(sigmas[i - 2]) - _log_ratio(sigmas[i - 1])) / h
        phi2 = grow / -h - 1
        phi3 = phi2 / -h - 0.5
        old, new = np.linalg.solve([[1.0, 1.0], [ratio, 1.0]], [phi2 / grow, phi3 * 2 / grow])
    # m0 is the memory at i-1, m1 at i-2: x = carry·x0 - αB·(m0 + old·(m1-m0)/ratio + new·(m-m0))
    push = -alpha * grow
    carried = 1 - old / ratio - new
    return Mix((0.0, sigma / sigma1), (push * new, push * carried, push * old / ratio))


def _distilled_times(levels: Levels, steps: int) -> list[int]:
    """Times of LCM and TCD: taken evenly from the fifty that such models are trained on."""
    stride = len(levels.signal) // max(50, steps)
    learned = [at * stride - 1 for at in range(1, max(50, steps) + 1)][::-1]
    return [
        learned[int(at)] for at in np.floor(np.linspace(0, len(learned), steps, endpoint=False))
    ]


def _lcm(levels: Levels, steps: int, spacing: str, eta: float, skip: int) -> SamplerPlan:
    times = _distilled_times(levels, steps)
    planned = []
    for i in range(skip, steps):
        alpha, sigma = _at(levels, times[i])
        clean, _ = _split(levels, alpha, sigma)
        keep, out = (
            0.25 / ((times[i] * 10) ** 2 + 0.25),
            times[i] * 10 / math.sqrt((times[i] * 10) ** 2 + 0.25),
        )
        alpha2, sigma2 = _at(levels, times[i + 1]) if i + 1 < steps else (1.0, 0.0)
        # Below an eta of 1 a share of the noise that x holds stays in it, as in DDIM.
        stays = sigma2 * math.sqrt(1 - eta**2) / sigma
        planned.append(
            Step(
                times[i],
                sigma / alpha,
                1.0,
                clean,
                clean,
                Mix((alpha2 * keep + stays,), (alpha2 * out - stays * alpha,)),
                noise=eta * sigma2,
                after=(alpha2, sigma2),
            )
        )
    return SamplerPlan(tuple(planned), _at(levels, times[skip]) if skip else (0.0, 1.0))


def _tcd(levels: Levels, steps: int, spacing: str, eta: float, skip: int) -> SamplerPlan:
    times = _distilled_times(levels, steps)
    planned = []
    for t, then in zip(times[skip:], [*times[skip + 1 :], 0], strict=True):
        (alpha, sigma), (alpha2, sigma2) = _at(levels, t), _at(levels, then)
        # It steps below the next time and goes back up with fresh noise.  diffusers multiplies in
        # single precision.
        below, remaining = _at(levels, int(np.float32(1 - eta) * np.float32(then)))
        up = alpha2 / below
        clean, _ = _split(levels, alpha, sigma)
        carry = up * remaining / sigma
        planned.append(
            Step(
                t,
                sigma / alpha,
                1.0,
                clean,
                clean,
                Mix((carry,), (alpha2 - carry * alpha,)),
                noise=math.sqrt(1 - up**2),
                after=(alpha2, sigma2),
            )
        )
    return SamplerPlan(tuple(planned), _at(levels, times[skip]) if skip else (0.0, 1.0))


def _flow_euler(levels: Levels, steps: int, spacing: str, eta: float, skip: int) -> SamplerPlan:
    shift = levels.flow_shift
    shifted = [shift * s / (1 + (shift - 1) * s) for s in (1.0, 0.001)]
    sigmas = np.linspace(shifted[0] * 1000, shifted[1] * 1000, steps) / 1000
    sigmas = np.append(shift * sigmas / (1 + (shift - 1) * sigmas), 0.0)
    planned = []
    for i in range(skip, steps):
        width = sigmas[i + 1] - sigmas[i]
        planned.append(
            Step(
                sigmas[i] * 1000,
                sigmas[i] / max(1 - sigmas[i], 1e-6),
                1.0,
                (0.0, 1.0),
                (1.0, -sigmas[i]),
                Mix((1.0,), (width,)),
                after=(1 - sigmas[i + 1], sigmas[i + 1]),
            )
        )
    return SamplerPlan(tuple(planned), (1 - sigmas[skip], sigmas[skip]) if skip else (0.0, 1.0))


SAMPLERS: dict[str, Callable[[Levels, int, str, float, int], SamplerPlan]] = {
    "pndm": _pndm,
    "lms": _lms,
    "ddim": _ddim,
    "euler": _euler,
    "euler_a": _euler_ancestral,
    "heun": _heun,
    "dpmpp_2m": _dpmpp_2m,
    "dpmpp_2m_sde": _dpmpp_2m_sde,
    "unipc": _unipc,
    "deis": _deis,
    "lcm": _lcm,
    "tcd": _tcd,
    "flow_euler": _flow_euler,
}
