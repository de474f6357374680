"""What is traded when a card's memory is short or its speed is not enough."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import cpu_offload


@dataclass(frozen=True)
class Thrift:
    """How a model uses its card."""

    offload: str = ""
    """parts: text encoders, U-Net and decoder take turns on the card.  layers: even layers do;
    slow, but it fits."""
    tiling: bool = False
    """Always encode and decode in tiles, not only when memory runs out."""
    tile: int = 0
    """Pixels a side of the tiles that larger pictures are denoised in; 0 denoises them whole."""
    compiler: str = ""
    """torch.compile's backend for the U-Net."""


PLAIN = Thrift()


class Seats:
    """The networks of a model, and which of them lie on the card."""

    def __init__(self, networks: Sequence[tuple[Any, Any]], device: Any, offload: str) -> None:
        self.device, self.by_turns = device, offload == "parts"
        self.networks = [network for network, _ in networks]
        self.seated: tuple[Any, ...] = ()
        for network, dtype in networks:
            network.to("cpu" if offload else device, dtype).eval()
            if offload == "layers":
                cpu_offload(network, device)

    def take(self, *networks: Any) -> None:
        """These are needed now: the others make room."""
        if not self.by_turns or networks == self.seated:
            return
        for network in self.networks:
            if network not in networks:
                network.to("cpu")
        for network in networks:
            network.to(self.device)
        self.seated = networks


def compiled(network: Any, backend: str) -> Any:
    """The network itself without a backend."""
    return torch.compile(network, backend=backend) if backend else network
