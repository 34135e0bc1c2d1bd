"""What the made-up results share."""

EXAMPLES = 10_000
JACKKNIFE = "95 %: jackknife over members below the full size, paired bootstrap over test examples"


def provenance(members: int) -> dict[str, str | int]:
    """What every dataset carries, as ``Study.provenance`` returns it."""
    return {
        "recipe_hash": "0123456789abcdef",
        "recipe_name": "example",
        "version": "0.1.0",
        "seed": 0,
        "examples": EXAMPLES,
        "members": members,
        "repeats": 1,
    }
