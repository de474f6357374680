"""python -m sdplay: the same actions without a browser."""

from sdplay.cli import main

raise SystemExit(main())
