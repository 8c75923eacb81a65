"""Where the tests of a vector index keep it: in a folder, or on the server that a run is given.

tests/library/test_servers.py runs them against servers.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest

from mmsearch_desktop.library.milvus_server import Server, Shelf
from mmsearch_desktop.settings import load_server_token

SERVER_VARIABLE = "MMSEARCH_TEST_SERVER"  # its address; its token is where the program looks for it
CERTIFICATE_VARIABLE = "MMSEARCH_TEST_CERTIFICATE"  # PEM of its authority, where it speaks TLS
ON_SERVER = SERVER_VARIABLE in os.environ
LOCAL = pytest.mark.skipif(ON_SERVER, reason="is about an index on this computer")


def place_below(folder: Path) -> Path | Shelf:
    """An empty place: below `folder`, or the shelf of a library that nobody else has."""
    if ON_SERVER:
        certificate = os.environ.get(CERTIFICATE_VARIABLE)
        server = Server.of(
            os.environ[SERVER_VARIABLE],
            token=load_server_token(),
            certificate=Path(certificate) if certificate else None,
        )
        return Shelf(server, secrets.token_hex(6))
    return folder
