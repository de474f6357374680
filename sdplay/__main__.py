"""python -m sdplay: the same actions without a browser."""

try:
    from sdplay.cli.main import main

    code = main()
except KeyboardInterrupt:  # while the command was still being read in
    code = 130
raise SystemExit(code)
