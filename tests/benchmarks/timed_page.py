"""The page as it is; the seconds of every whole rerun go to a file, a line each: on the clock and
on the processor."""

import os
import runpy
import time
from pathlib import Path

began, worked = time.perf_counter(), time.thread_time()
runpy.run_path(str(Path(__file__).parents[2] / "streamlit_app.py"))
with Path(os.environ["SDPLAY_TIMES"]).open("a") as times:
    times.write(f"{time.perf_counter() - began} {time.thread_time() - worked}\n")
