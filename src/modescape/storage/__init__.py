"""Where a study is stored: a folder, or objects of a store behind a URL such as ``s3://bucket/study``.

A folder is a `pathlib.Path`, written by `modescape.durable`. Objects are named by an `ObjectPath`, which offers the
operations that a study needs. A lease makes sure that there is one writer at a time (`modescape.storage.lease`).
"""

from modescape.storage.paths import ObjectPath, place

__all__ = ["ObjectPath", "place"]
