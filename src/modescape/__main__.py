"""``python -m modescape``: the command line."""

from modescape.cli import main

if __name__ == "__main__":
    main()
