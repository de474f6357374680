"""The first requests of a server, made by several threads at once."""

import subprocess
import sys

BOTH = """
import sys, threading, time
from importlib.abc import MetaPathFinder

begun, entered = threading.Event(), threading.Event()
loader = threading.Thread(target=lambda: __import__("requests"))

class Slow(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "requests.utils" and threading.current_thread() is not loader:
            entered.set()
        if name == "requests.packages" and threading.current_thread() is loader:
            begun.set()
            if entered.wait(1):
                time.sleep(0.3)  # the other one waits for the whole meanwhile

sys.meta_path.insert(0, Slow())
loader.start()
begun.wait()
import sdplay.http.pools
loader.join()
import requests
requests.Session
"""


def test_one_thread_may_load_a_part_of_requests_while_another_loads_the_whole():
    done = subprocess.run([sys.executable, "-c", BOTH], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
