"""Where a study lies: a folder, or objects of a store behind a URL such as ``s3://bucket/study``.

A folder is a `pathlib.Path` and is written as ever (`modescape.durable`). Objects are named by an `ObjectPath`, which
offers what a study asks of a path. One writer at a time holds a lease there (`modescape.storage.lease`).
"""

from modescape.storage.paths import ObjectPath, place

__all__ = ["ObjectPath", "place"]
