"""`python -m tests.peaking …`: the command line, which says at its end how much memory it took."""

import resource
import sys

from sdplay.cli.main import main

if __name__ == "__main__":
    code = main(sys.argv[1:])
    print("PEAK", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)
    sys.exit(code)
