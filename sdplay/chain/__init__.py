"""A chain: one picture after the other, each made from the one before it."""

from sdplay.chain.chain import CHAIN_TAG, Chain, StagePicture, base, check, follow, record
from sdplay.chain.chainfile import draft, is_chain, read_chain
from sdplay.chain.following import Chains, Following
from sdplay.chain.queued import QueuedWorkshop
from sdplay.chain.stages import STAGES, ChainStage, Workshop

__all__ = [
    "CHAIN_TAG",
    "STAGES",
    "Chain",
    "ChainStage",
    "Chains",
    "Following",
    "QueuedWorkshop",
    "StagePicture",
    "Workshop",
    "base",
    "check",
    "draft",
    "follow",
    "is_chain",
    "read_chain",
    "record",
]
