"""zarr's store over objects: what zarr keeps of a group, key by key, by the same requests as everything else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.core.buffer import Buffer, BufferPrototype

from modescape.storage import ObjectPath


class ObjectStore(Store):
    """Keys below a URL. Chunks of predictions are not read by it (`modescape.study.chunks`)."""

    supports_writes = True  # type: ignore[assignment]
    supports_deletes = True  # type: ignore[assignment]
    supports_listing = True  # type: ignore[assignment]
    supports_partial_writes = False  # type: ignore[assignment]

    def __init__(self, root: ObjectPath, *, read_only: bool = False) -> None:
        """Over the objects below ``root``; nothing is asked of it yet."""
        super().__init__(read_only=read_only)
        self.root = root

    def with_read_only(self, read_only: bool = False) -> ObjectStore:
        """The same objects, for reading or for writing."""
        return ObjectStore(self.root, read_only=read_only)

    def __eq__(self, value: object) -> bool:
        """Whether it is over the same objects."""
        return isinstance(value, ObjectStore) and value.root == self.root

    async def get(
        self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """One object, or a part of it."""
        from zarr.core.buffer import default_buffer_prototype

        try:
            data = await asyncio.to_thread((self.root / key).read_bytes)
        except FileNotFoundError:
            return None
        part = data[_slice(byte_range)] if byte_range is not None else data
        return (prototype or default_buffer_prototype()).buffer.from_bytes(part)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Several of them."""
        return [await self.get(key, prototype, byte_range) for key, byte_range in key_ranges]

    async def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        return await asyncio.to_thread((self.root / key).is_file)

    async def set(self, key: str, value: Buffer) -> None:
        """Put one object."""
        self._check_writable()
        await asyncio.to_thread((self.root / key).publish, value.to_bytes())

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        """Put one object unless it is there: a study has one writer, so that nobody comes between."""
        if not await self.exists(key):
            await self.set(key, value)

    async def set_partial_values(self, key_start_values: Iterable[tuple[str, int, Any]]) -> None:
        """Objects are put as a whole."""
        raise NotImplementedError

    async def delete(self, key: str) -> None:
        """Delete one object."""
        self._check_writable()
        await asyncio.to_thread((self.root / key).unlink, True)

    async def list(self) -> AsyncIterator[str]:
        """All keys."""
        for name in await asyncio.to_thread(self.root.below):
            yield name

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Keys that begin so; zarr asks by folders."""
        folder = prefix.rstrip("/")
        for name in await asyncio.to_thread((self.root / folder).below):
            yield f"{folder}/{name}" if folder else name

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Names in a folder."""
        for name in await asyncio.to_thread((self.root / prefix.rstrip("/")).names):
            yield name


def _slice(wanted: ByteRequest) -> slice:
    if isinstance(wanted, RangeByteRequest):
        return slice(wanted.start, wanted.end)
    if isinstance(wanted, OffsetByteRequest):
        return slice(wanted.offset, None)
    assert isinstance(wanted, SuffixByteRequest)
    return slice(-wanted.suffix, None)
