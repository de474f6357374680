"""The page as it is; the seconds of every whole rerun go to a file, one a line."""

import os
import runpy
import time
from pathlib import Path

began = time.perf_counter()
runpy.run_path(str(Path(__file__).parents[2] / "streamlit_app.py"))
with Path(os.environ["SDPLAY_TIMES"]).open("a") as times:
    times.write(f"{time.perf_counter() - began}\n")
