"""Cells of commands while the site is built: ``%%bash`` that fails the build where a command fails.

IPython's own goes on after a command that fails, and cuts what is printed into pieces. What is shown is what was
printed, long lines folded as a terminal folds them, and paths without the folder in which the site is built.
"""

import subprocess
import textwrap
from pathlib import Path

from IPython.core.magic import register_cell_magic

WIDE = 84  # letters that fit into the page's column


def folded(line):
    """A line of words in lines; a row of a table stays as it is."""
    return line if "   " in line.strip() else textwrap.fill(line, WIDE, drop_whitespace=True) if line.strip() else line


@register_cell_magic
def bash(line, cell):
    """Run the commands of a cell.

    Raises:
        CalledProcessError: if one of them fails.
    """
    done = subprocess.run(
        ["bash", "-e", "-c", cell], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    print("\n".join(map(folded, done.stdout.replace(f"{Path.cwd()}/", "").splitlines())))
    done.check_returncode()
