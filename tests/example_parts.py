"""What the made-up results share."""

EXAMPLES = 10_000
CROSSED = "95 %: new networks on new examples; ..._these: these networks on new examples"


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
