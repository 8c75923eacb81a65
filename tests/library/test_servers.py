"""The index on Milvus servers: Milvus Lite's own, and Milvus 2.3.5 with TLS and a token.

Run by `packaging/dev.py test` as root, in a network of their own; marked `server`. The tests of the
index itself are those of test_vectors.py and test_index_check.py, called with a server to use.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mmsearch_desktop import cli, doctor, settings
from mmsearch_desktop.domain import LibraryProblem, ServerGone, Stage
from mmsearch_desktop.library.ingest import add_folder
from mmsearch_desktop.library.milvus_server import Security, Server, Shelf, look_at
from mmsearch_desktop.library.stores import Library
from mmsearch_desktop.library.vectors import index_file
from tests.fakes import ColourEmbedder
from tests.library import private_network, servers
from tests.library.pictures import write_photo
from tests.library.places import CERTIFICATE_VARIABLE, SERVER_VARIABLE
from tests.library.servers import TOKEN, Certificates, Front, Running

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.server,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        not servers.PYTHON.is_file(), reason="packaging/dev.py test lays .venv-servers"
    ),
]
REPOSITORY = Path(__file__).resolve().parents[2]
COLOURS = ("red", "blue", "green")
SECRET = "root:never to be seen"  # noqa: S105 - of nobody


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return servers.certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def lite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = servers.start_lite(tmp_path_factory.mktemp("lite") / "data", servers.free_port())
    yield Server.of(f"127.0.0.1:{running.port}")
    running.stop()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[Server]:
    if not private_network.is_inside():
        pytest.skip("Milvus listens on every interface: only in a network of its own")
    folder = tmp_path_factory.mktemp("real")
    running = servers.start_real(folder / "data", servers.free_port(), certificates)
    server = Server.of(
        f"https://localhost:{running.port}", token=TOKEN, certificate=certificates.good
    )
    _wait_for(server)
    yield server
    running.stop()


def _wait_for(server: Server) -> None:
    ends = time.monotonic() + 120
    while True:
        try:
            look_at(server)
        except LibraryProblem:
            assert time.monotonic() < ends
            time.sleep(0.5)
        else:
            return


def write_photos(folder: Path, colours: tuple[str, ...] = COLOURS) -> Path:
    for colour in colours:
        write_photo(folder / f"{colour}.png", colour)
    return folder


def found(library: Library, embedder: ColourEmbedder, colour: str) -> str:
    """The name of the photo that is nearest to a word."""
    index = library.open_index(embedder.space)
    ((best, _), *_) = index.search(embedder.embed_words([colour])[0], 1)
    return library.catalogue.photos_of([best])[best][0].path.stem


# -- the index itself ----------------------------------------------------------------------


def _run_index_tests(server: Server, tmp_path: Path, *chosen: str) -> None:
    scheme = "https" if server.tls else "http"
    environment = os.environ | {SERVER_VARIABLE: f"{scheme}://{server.address}"}
    environment[settings.TOKEN_VARIABLE] = server.token
    if server.certificate is not None:
        environment[CERTIFICATE_VARIABLE] = str(server.certificate)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--basetemp", tmp_path / "tests", *chosen],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert " passed" in done.stdout


def test_the_index_on_milvus(real: Server, tmp_path: Path) -> None:
    elsewhere = "catalogue_ or doubled"  # they say the same of any engine, or twice
    _run_index_tests(
        real, tmp_path, "-k", f"not ({elsewhere})",
        "tests/library/test_vectors.py", "tests/library/test_index_check.py",
    )  # fmt: skip


def test_the_index_on_the_server_of_milvus_lite(lite: Server, tmp_path: Path) -> None:
    few_rows = (
        "twice or ties or none or another_thread or heal or filled"  # the others take minutes
    )
    _run_index_tests(
        lite, tmp_path, "-k", f"not full and ({few_rows})",
        "tests/library/test_vectors.py", "tests/library/test_index_check.py",
    )  # fmt: skip


# -- a library on it -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["lite", "real"])
def test_a_library_moves_there_and_back_and_nothing_is_embedded_again(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    server: Server = request.getfixturevalue(kind)
    embedder = ColourEmbedder()
    photos = write_photos(tmp_path / "photos")
    with Library(tmp_path / "library", reserve_bytes=0) as library:
        list(add_folder(photos, library, library.open_index(embedder.space), embedder))
        file = index_file(library.folder / "index", embedder.space)
        assert file.exists()
        items = list(library.moving(server))
        assert {item.stage for item in items} == {Stage.REBUILDING}
        assert library.server == server
        assert not file.exists()
        assert [found(library, embedder, colour) for colour in COLOURS] == list(COLOURS)
        write_photos(photos, ("black",))
        (photos / "red.png").unlink()
        list(add_folder(photos, library, library.open_index(embedder.space), embedder))
        assert found(library, embedder, "black") == "black"
        assert look_at(server, library.folder).rows == 3
    assert embedder.pictures_embedded == 4
    with Library(tmp_path / "library", server=server, reserve_bytes=0) as library:
        index = library.open_index(embedder.space)
        assert list(index.reconcile(library.catalogue)) == []  # it is as it was left
        with pytest.raises(LibraryProblem, match="Move it back"):
            library.leave_server(server)
        assert list(library.moving(None))
        assert file.exists()
        assert found(library, embedder, "black") == "black"
        assert library.leave_server(server) == 1
        assert library.leave_server(server) == 0
    assert embedder.pictures_embedded == 4


def test_libraries_lie_side_by_side_and_a_copy_gets_its_own(lite: Server, tmp_path: Path) -> None:
    embedder = ColourEmbedder()
    for name in ("one", "two"):
        photos = write_photos(tmp_path / name, ("red",) if name == "one" else COLOURS)
        with Library(tmp_path / f"library {name}", server=lite, reserve_bytes=0) as library:
            list(add_folder(photos, library, library.open_index(embedder.space), embedder))
    copy = tmp_path / "library copy"
    shutil.copytree(tmp_path / "library one", copy)
    with Library(copy, server=lite, reserve_bytes=0) as library:
        index = library.open_index(embedder.space)
        assert index.count() == 0
        list(index.reconcile(library.catalogue))
        index.remove(library.catalogue.embedded_ids(embedder.space))
    assert look_at(lite, tmp_path / "library one").rows == 1
    assert look_at(lite, tmp_path / "library two").rows == 3
    with Library(copy, reserve_bytes=0) as library:
        assert library.leave_server(lite) == 1
    moved = (tmp_path / "library two").rename(tmp_path / "library moved")
    assert look_at(lite, moved).rows == 3


def test_a_move_that_ends_early_changes_nothing(lite: Server, tmp_path: Path) -> None:
    embedder = ColourEmbedder()
    with Library(tmp_path / "library", reserve_bytes=0) as library:
        index = library.open_index(embedder.space)
        list(add_folder(write_photos(tmp_path / "photos"), library, index, embedder))
        moving = library.moving(lite)
        next(moving)
        moving.close()
        assert library.server is None
        assert library.open_index(embedder.space) is index
        with pytest.raises(ServerGone):
            list(library.moving(Server.of(f"127.0.0.1:{servers.free_port()}")))
        assert found(library, embedder, "blue") == "blue"
        list(library.moving(lite))
        assert found(library, embedder, "blue") == "blue"


# -- a server that goes --------------------------------------------------------------------


class Restarted:
    """A server that is stopped and started again at the same address."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "data"
        self._port = servers.free_port()
        self.server = Server.of(f"127.0.0.1:{self._port}")
        self._running: Running | None = None
        self.start()

    def start(self, *, empty: bool = False) -> None:
        if empty:
            shutil.rmtree(self._folder)
        self._running = servers.start_lite(self._folder, self._port)

    def stop(self) -> None:
        if self._running is not None:
            self._running.stop(signal.SIGKILL)
        self._running = None


@pytest.fixture
def restarted(tmp_path: Path) -> Iterator[Restarted]:
    one = Restarted(tmp_path)
    yield one
    one.stop()


def test_a_server_that_goes_is_said_at_once_and_used_again_when_it_is_back(
    restarted: Restarted, tmp_path: Path
) -> None:
    embedder = ColourEmbedder()
    with Library(tmp_path / "library", server=restarted.server, reserve_bytes=0) as library:
        index = library.open_index(embedder.space)
        list(add_folder(write_photos(tmp_path / "photos"), library, index, embedder))
        restarted.stop()
        started = time.monotonic()
        with pytest.raises(ServerGone, match=r"nothing listens.*Nothing of the library is lost"):
            found(library, embedder, "red")
        assert time.monotonic() - started < 10
        assert library.catalogue.photo_count() == 3
        with pytest.raises(ServerGone):
            found(library, embedder, "red")
        restarted.start()
        assert found(library, embedder, "red") == "red"
        restarted.stop()
        restarted.start(empty=True)
        with pytest.raises(ValueError, match="not enough"):  # nothing is found
            found(library, embedder, "red")
        assert not index.checked
        list(index.reconcile(library.catalogue))
        assert found(library, embedder, "red") == "red"


def test_photos_go_on_into_the_catalogue_while_the_server_is_gone(
    restarted: Restarted, tmp_path: Path
) -> None:
    embedder = ColourEmbedder()
    photos = write_photos(tmp_path / "photos", ("red",))
    with Library(tmp_path / "library", server=restarted.server, reserve_bytes=0) as library:
        index = library.open_index(embedder.space)
        list(add_folder(photos, library, index, embedder))
        write_photos(photos)
        (photos / "red.png").unlink()
        adding = add_folder(photos, library, index, embedder)
        next(adding)
        restarted.stop()
        with pytest.raises(ServerGone):
            list(adding)
        assert library.catalogue.photo_count() == 2
        assert embedder.pictures_embedded == 3
        restarted.start()
        list(add_folder(photos, library, index, embedder))
        assert embedder.pictures_embedded == 3
        assert index.count() == 2
        assert found(library, embedder, "green") == "green"


# -- what is sent, and how safely ----------------------------------------------------------


def test_nothing_but_ids_and_vectors_is_sent(lite: Server, tmp_path: Path) -> None:
    front = Front(lite.port)
    embedder = ColourEmbedder()
    try:
        with Library(tmp_path / "library", server=front.server(), reserve_bytes=0) as library:
            index = library.open_index(embedder.space)
            list(add_folder(write_photos(tmp_path / "photos"), library, index, embedder))
            assert found(library, embedder, "red") == "red"
    finally:
        front.close()
    assert embedder.embed_words(["red"])[0].astype("<f4").tobytes() in front.seen
    private = [socket.gethostname(), str(tmp_path), tmp_path.name, "photos", ".png"]
    for text in private:
        assert text.encode() not in front.seen, text


def test_a_certificate_is_checked(lite: Server, certificates: Certificates) -> None:
    front = Front(lite.port, certificates)
    try:
        facts = look_at(front.server(tls=True, certificate=certificates.good))
        assert facts.security is Security.VERIFIED
        assert facts.version
        for how in ({"certificate": certificates.other}, {}):
            seen = len(front.seen)
            with pytest.raises(LibraryProblem, match=r"is not trusted.*Nothing was sent") as caught:
                look_at(front.server(tls=True, token=SECRET, **how))
            assert not isinstance(caught.value, ServerGone)
            assert len(front.seen) == seen
        with pytest.raises(LibraryProblem, match="speaks TLS only"):
            look_at(front.server(token=SECRET))
        by_number = Server.of(f"127.0.0.1:{front.port}", tls=True, certificate=certificates.good)
        with pytest.raises(LibraryProblem, match=r"IP address mismatch"):
            look_at(by_number)
        with pytest.raises(LibraryProblem, match="does not speak TLS"):
            look_at(Server.of(f"https://{lite.address}", certificate=certificates.good))
    finally:
        front.close()
    assert SECRET.encode() not in front.seen


def test_a_token_is_asked_for(real: Server, certificates: Certificates) -> None:
    assert look_at(real).security is Security.VERIFIED
    assert look_at(real).version.startswith("v2.3.5")
    where = {"tls": True, "certificate": certificates.good}
    with pytest.raises(LibraryProblem, match="refuses the token"):
        look_at(Server.of(real.address, token=SECRET, **where))  # type: ignore[arg-type]
    with pytest.raises(LibraryProblem, match="wants a token"):
        look_at(Server.of(real.address, **where))  # type: ignore[arg-type]  # as above
    with pytest.raises(LibraryProblem, match="is not trusted"):
        look_at(Server.of(real.address, tls=True, certificate=certificates.other))
    with pytest.raises(LibraryProblem, match="speaks TLS only"):
        look_at(Server.of(real.address))


# -- the command line ----------------------------------------------------------------------


def test_the_commands(
    lite: Server,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    embedder = ColourEmbedder()
    folder = settings.Settings().library_folder
    with Library(folder, reserve_bytes=0) as library:
        index = library.open_index(embedder.space)
        list(add_folder(write_photos(tmp_path / "photos"), library, index, embedder))
    token = tmp_path / "token"
    token.write_text("key-of-mine\n")
    assert cli.main(["server", "use", lite.address, "--token-file", str(token)]) == 0
    told = capsys.readouterr()
    assert "does not leave this computer" in told.out
    assert "Vectors leave this computer; photos" in told.err
    assert settings.load().milvus_address == lite.address
    assert settings.load_server_token() == "key-of-mine"
    assert "key-of-mine" not in settings.settings_path().read_text()
    assert cli.main(["server"]) == 0
    assert "It holds 3 vectors of this library." in capsys.readouterr().out
    server, (check,) = doctor.check_server(settings.load(), folder)
    assert check.state is doctor.State.OK
    (index_check,) = [c for c in doctor.check_library(folder, server) if c.topic == "index"]
    assert "3 of 3 vectors" in index_check.fact
    nobody = f"127.0.0.1:{servers.free_port()}"
    assert cli.main(["server", "use", nobody]) == 1
    assert "nothing listens" in capsys.readouterr().err
    assert settings.load().milvus_address == lite.address
    assert cli.main(["server", "local", "--drop"]) == 0
    assert "1 of this library's collections" in capsys.readouterr().out
    assert settings.load().milvus_address == ""
    assert settings.load_server_token() == ""
    with Library(folder, reserve_bytes=0) as library:
        assert found(library, embedder, "green") == "green"
        assert np.isclose(Shelf(lite, "0" * 12).drop(), 0)
