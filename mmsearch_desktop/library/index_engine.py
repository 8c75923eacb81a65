"""What a vector index asks of the engine under it: of one on this computer, or of a server's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")

_LOAD_SECONDS = 120.0


class Engine(Protocol):
    """Holds one collection. Calls may come from any thread.

    `MilvusEngine` is a file of this computer, `ServerEngine` a collection on a server. Their errors
    are LibraryProblem, NoSpace, LibraryDamaged and ServerGone.
    """

    @property
    def name(self) -> str:
        """Where it is, for a message."""
        ...

    @property
    def opened(self) -> int:
        """How often; tells whether another thread has opened it again meanwhile."""
        ...

    @property
    def closed(self) -> bool: ...

    @property
    def upserts(self) -> bool:
        """Whether rows are put in the place of those with their ids; else absent ones are added."""
        ...

    @property
    def counts_on_disk(self) -> bool:
        """Whether `stored_rows` has something to count."""
        ...

    @property
    def batch_bytes(self) -> int:
        """Of vectors, in one write."""
        ...

    @property
    def quick_reading(self) -> dict[str, str]:
        """What is added to a search that need not see what others have just written."""
        ...

    def open(self) -> None: ...

    def reopen(self, *, seen: int) -> None: ...

    def close(self) -> None: ...

    def start_empty(self) -> None:
        """Begin anew without any row."""
        ...

    def read(self, call: Callable[[Any], _T]) -> _T:
        """`call` with the client of pymilvus; repeated where the engine was gone."""
        ...

    def write(self, call: Callable[[Any], object]) -> None: ...

    def flush(self, collection: str) -> None:
        """Have what was written put in order, where the engine does not do so by itself."""
        ...

    def stored_rows(self, collection: str) -> int | None: ...

    def require_space(self, pending_bytes: int) -> None: ...


def open_or_create(client: Any, collection: str, dimensions: int) -> bool:
    """Make `collection` ready for searching: int64 `id`, float32 `vector`, inner product, exact.

    Whether there was none and it was made.
    """
    is_new = not client.has_collection(collection, timeout=10)
    if is_new:
        _create(client, collection, dimensions)
    client.load_collection(collection, timeout=_LOAD_SECONDS)
    return is_new


def _create(client: Any, collection: str, dimensions: int) -> None:
    from pymilvus import DataType, MilvusClient

    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimensions)
    index = MilvusClient.prepare_index_params()
    index.add_index("vector", index_type="FLAT", metric_type="IP")
    client.create_collection(
        collection, schema=schema, index_params=index, consistency_level="Strong"
    )
