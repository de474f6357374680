"""A chain: one picture after the other, each made from the one before it."""

from sdplay.chain.chain import Chain, StagePicture, base, check, follow, record
from sdplay.chain.chainfile import read_chain
from sdplay.chain.stages import STAGES, ChainStage, Workshop

__all__ = [
    "STAGES",
    "Chain",
    "ChainStage",
    "StagePicture",
    "Workshop",
    "base",
    "check",
    "follow",
    "read_chain",
    "record",
]
