"""The ways a command can end badly, each with its exit code."""


class ModescapeError(Exception):
    """An error with a message meant for a person: what came, what was expected, what to do."""

    exit_code = 1


class InputError(ModescapeError, ValueError):
    """The command, recipe, data or study handed in is wrong; nothing was changed (exit code 2)."""

    exit_code = 2


class WorkError(ModescapeError, RuntimeError):
    """The input was right and the work failed (exit code 1)."""


class DamageError(WorkError):
    """A file of a study is not as it was written, or gone; ``modescape run`` makes it again."""
