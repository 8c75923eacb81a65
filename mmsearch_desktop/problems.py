"""The one exception tree: what can go wrong, in a way that can be explained to a person.

Every message names the file or thing, the fact, and the remedy.

    MmsearchError
    ├── UnreadablePhoto        one file cannot be shown or embedded; costs that file only
    ├── FolderProblem          a folder is missing, not a folder, or may not be read
    ├── QueryProblem           a query is empty or its picture is no picture
    ├── LabelsProblem          a set of labelled queries cannot be used
    ├── LibraryProblem         the library folder cannot be used
    │   ├── LibraryBusy        another program holds it
    │   ├── LibraryDamaged     a store is damaged and could not be healed from the others
    │   ├── NoSpace            the disk is full, or nearly
    │   └── ServerGone         the Milvus server does not answer; the library itself is well
    └── ModelProblem           a model cannot be used
        ├── WeightsMissing     its files are not there; says which go where
        ├── WeightsDamaged     a file is not what it should be
        │   └── WeightsUnknown    it may be a newer edition; used once the person agrees
        ├── DownloadFailed     network, server, or the offline switch
        ├── DeviceOutOfMemory  the batch was too large; a smaller one may work
        └── JudgingStopped     the judge gave up on this query; what it said so far holds
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class MmsearchError(Exception):
    """Anything that went wrong in a way that can be explained to a person."""


class UnreadablePhoto(MmsearchError):
    """One file that cannot be read as a photo, and why."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class FolderProblem(MmsearchError):
    """A folder that is missing, is no folder, or may not be read."""


class QueryProblem(MmsearchError):
    """A query that asks nothing, or whose picture is no picture."""


class LabelsProblem(MmsearchError):
    """A set of labelled queries that cannot be read, or has none that can be used."""


class LibraryProblem(MmsearchError):
    """The library folder (catalogue, index, thumbnails) cannot be used as it is."""


class LibraryBusy(LibraryProblem):
    """Another program has this library open."""


class LibraryDamaged(LibraryProblem):
    """A store is damaged and could not be rebuilt from the others."""


class NoSpace(LibraryProblem):
    """The disk that holds the library is full, or nearly."""


class ServerGone(LibraryProblem):
    """The Milvus server does not answer. The library itself is well, and loses nothing by it."""


class ModelProblem(MmsearchError):
    """A model cannot be used."""


class WeightsMissing(ModelProblem):
    """The files of a model are not where they should be."""


class WeightsDamaged(ModelProblem):
    """A file of a model is not what it should be."""


class WeightsUnknown(WeightsDamaged):
    """A file is not the edition known here, but may be a good one: the person decides."""


class DownloadFailed(ModelProblem):
    """A model file could not be fetched."""


class DeviceOutOfMemory(ModelProblem):
    """The device had too little memory for the batch it was given."""


class JudgingStopped(ModelProblem):
    """The judge gave up on this query; what it said so far holds."""
