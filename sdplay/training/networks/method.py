"""What tells one run from another, kept in its checkpoint; the noise, as diffusers' schedulers are
told of it; and one batch of both."""

from dataclasses import dataclass
from typing import Any

import torch
from diffusers import DDIMScheduler

STEPS = 1000
CFG = 2.5
"""How strongly a prompt guides what is painted from a run."""
SCHEDULE: dict[str, Any] = {
    "num_train_timesteps": STEPS,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
    "timestep_spacing": "leading",
    "rescale_betas_zero_snr": False,
}
CLEAREST = 5.0
"""The signal-to-noise ratio from which on a time weighs no more (min-SNR, Hang et al. 2023)."""
TIMES = ("uniform", "logit-normal")


@dataclass(frozen=True)
class Method:
    """The choices of a run."""

    layers: int = 1
    """Resnets, each with its attention, in a block of the U-Net."""
    times: str = "uniform"
    """How times are drawn: evenly, the middle weighing most; or mostly from the middle, all
    weighing the same (Esser et al. 2024)."""
    contrast: float = 0.0
    """How strongly an answer is pushed away from another picture's (Stoica et al. 2025)."""
    blur: float = 0.0
    """How far a word in a few may stray towards any other, so that words which no caption uses are
    understood by those they resemble."""


@dataclass(frozen=True)
class Exercise:
    """Noised latents at their times, and what to answer."""

    noisy: torch.Tensor
    times: torch.Tensor
    target: torch.Tensor
    weight: torch.Tensor

    @classmethod
    def of(cls, clean: torch.Tensor, noise: torch.Tensor, times: torch.Tensor) -> "Exercise":
        """At given times, all weighing the same."""
        alpha = ALPHAS[times].view(-1, 1, 1, 1)
        noisy = alpha.sqrt() * clean + (1 - alpha).sqrt() * noise
        target = alpha.sqrt() * noise - (1 - alpha).sqrt() * clean
        return cls(noisy, times, target, torch.ones(len(times)))

    @classmethod
    def drawn(cls, clean: torch.Tensor, method: Method) -> "Exercise":
        """At times as the method draws and weighs them."""
        times, weight = _times(len(clean), method.times)
        exercise = cls.of(clean, torch.randn_like(clean), times)
        return cls(exercise.noisy, times, exercise.target, weight)

    def loss(self, answer: torch.Tensor, contrast: float = 0.0) -> torch.Tensor:
        """How far an answer is from the target, less how far from the next picture's."""
        missed = _squared(answer, self.target)
        if contrast:
            missed = missed - contrast * _squared(answer, self.target.roll(1, 0))
        return (self.weight * missed).mean()


ALPHAS: torch.Tensor = DDIMScheduler(**SCHEDULE).alphas_cumprod


def _times(count: int, way: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Times, and how much each weighs."""
    if way == "logit-normal":
        return (torch.randn(count).sigmoid() * STEPS).long().clamp(max=STEPS - 1), torch.ones(count)
    times = torch.randint(STEPS, (count,))
    clear = ALPHAS[times] / (1 - ALPHAS[times])
    return times, clear.clamp(max=CLEAREST) / (clear + 1) * 2


def _squared(answer: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return (answer.float() - target).pow(2).mean((1, 2, 3))
