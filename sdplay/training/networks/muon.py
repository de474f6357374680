"""Muon: momentum made orthogonal by Newton-Schulz, for matrices and convolutions (Jordan et al.
2024; scale as in
2502.16982, so that AdamW's learning rates fit).  Where two cores must do, it buys progress per
step."""

from collections import defaultdict
from collections.abc import Iterable

import torch

from sdplay.training.networks.pace import autocast


def _orthogonal(stack: torch.Tensor) -> torch.Tensor:
    """The nearest (half-)orthogonal matrix of each, roughly: four steps pull all singular values
    towards 1.

    The steps are polynomials of x times its transpose, so they are taken on that square: two big
    products in all.
    """
    x = stack / (stack.norm(dim=(1, 2), keepdim=True) + 1e-7)
    x = x.mT if x.size(1) > x.size(2) else x
    square = x @ x.mT
    one = torch.eye(square.size(1)).expand_as(square)
    whole = one
    for more in (3, 2, 1, 0):
        step = 3.4445 * one - 4.7750 * square + 2.0315 * (square @ square)
        whole = step @ whole if whole is not one else step
        square = step @ (step @ square) if more else square
    x = whole @ x
    return x.mT if stack.size(1) > stack.size(2) else x


def _matrix(weight: torch.Tensor) -> torch.Tensor:
    """A weight as a matrix: a row for each output, no copy where channels lie last."""
    return weight.movedim(1, -1).flatten(1)


class Muon(torch.optim.Optimizer):
    """For weights with at least two dimensions; the rest belongs to AdamW."""

    def __init__(self, weights: Iterable[torch.Tensor], lr: float, momentum: float = 0.95) -> None:
        super().__init__(weights, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self) -> None:
        """One update; weights of the same shape are orthogonalised together."""
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            shapes = defaultdict(list)
            for weight, ahead in zip(weights, self._ahead(weights, group["momentum"]), strict=True):
                shapes[_matrix(ahead).shape].append((weight, ahead))
            for shape, pairs in shapes.items():
                with autocast():
                    moves = _orthogonal(torch.stack([_matrix(ahead) for _, ahead in pairs]))
                scale = -group["lr"] * 0.2 * max(shape) ** 0.5
                for (weight, _), move in zip(pairs, moves, strict=True):
                    seen = weight.movedim(1, -1)
                    seen.add_(move.reshape(seen.shape), alpha=scale)

    def _ahead(self, weights: list[torch.Tensor], momentum: float) -> list[torch.Tensor]:
        """Each weight's gradient, with its momentum as it will be (Nesterov)."""
        for weight in weights:
            if weight not in self.state:
                self.state[weight]["average"] = torch.zeros_like(weight)
        averages = [self.state[weight]["average"] for weight in weights]
        gradients = [weight.grad for weight in weights]
        torch._foreach_lerp_(averages, gradients, 1 - momentum)
        return list(torch._foreach_lerp(gradients, averages, momentum))


def optimizers(model: torch.nn.Module, lr: float) -> list[torch.optim.Optimizer]:
    """Muon for the inner matrices and convolutions, AdamW for first and last layers, norms and
    biases."""
    inner: list[torch.Tensor] = []
    rest: list[torch.Tensor] = []
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            edge = any(part in name for part in ("conv_in", "conv_out", "embedding", "quant_conv"))
            (inner if weight.ndim >= 2 and not edge else rest).append(weight)
    return [Muon(inner, lr), torch.optim.AdamW(rest, lr, (0.9, 0.98), weight_decay=0.0, fused=True)]
