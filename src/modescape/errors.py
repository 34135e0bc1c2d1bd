"""The ways a command can end badly, each with its exit code."""


class ModescapeError(Exception):
    """An error with a message meant for a person: what came, what was expected, what to do."""

    exit_code = 1


class InputError(ModescapeError, ValueError):
    """The command, recipe, data or study handed in is wrong; nothing was changed (exit code 2)."""

    exit_code = 2


class UnsupportedError(InputError):
    """The input is of a kind that is not supported; the message ends with what is."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what}\nmodescape takes images of one class each; rows of a table and sentences where their columns are "
            "named (--set data.target=COLUMN, --set data.text=COLUMN); numbers as targets of both, and of images "
            "(in an .npz file, or in a table with task.kind=regression); segmentation and several labels per example "
            "are not supported"
        )


class WorkError(ModescapeError, RuntimeError):
    """The input was right and the work failed (exit code 1)."""


class DamageError(WorkError):
    """A file of a study is damaged or missing; ``modescape run`` makes it again."""


class NotEnough(WorkError):  # noqa: N818 - said of what is looked at, not of the code
    """Too little is offered for an analysis; the message says what there is and what is needed."""
