"""Run a comparison: backends asked once, cells as jobs, pictures and tables in a folder."""

from sdplay.sweeps.bench import Bench
from sdplay.sweeps.board import Board
from sdplay.sweeps.folder import Folder
from sdplay.sweeps.run import Sweep
from sdplay.sweeps.speeds import Speeds

__all__ = ["Bench", "Board", "Folder", "Speeds", "Sweep"]
