"""``python -m modescape``: the command line."""

from modescape.cli import command

if __name__ == "__main__":
    command()
