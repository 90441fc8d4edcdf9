"""Real tracking servers; see servers.py."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from servers import Server, postgres

_numbers = itertools.count()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One on SQLite that is there all the time."""
    folder = tmp_path_factory.mktemp("server")
    one = Server(folder, f"sqlite:///{folder}/tracking.db").start()
    yield one
    one.kill()


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One on PostgreSQL."""
    with postgres() as database:
        one = Server(tmp_path_factory.mktemp("server"), database).start()
        yield one
        one.kill()


@pytest.fixture(scope="session")
def killable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Server]]:
    """Servers that a test may kill, by their kind of database; the next one finds them started again."""
    with ExitStack() as stack:
        servers: dict[str, Server] = {}

        def get(kind: str) -> Server:
            if kind not in servers:
                folder = tmp_path_factory.mktemp("server")
                database = f"sqlite:///{folder}/tracking.db" if kind == "sqlite" else stack.enter_context(postgres())
                servers[kind] = Server(folder, database)
                stack.callback(servers[kind].kill)
            return servers[kind].start()

        yield get


@pytest.fixture(params=["sqlite", "postgresql"])
def own(request: pytest.FixtureRequest, killable: Callable[[str], Server]) -> Server:
    """A server that the test may kill."""
    return killable(request.param)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder whose name, and so whose experiment, no other test has."""
    folder = tmp_path / f"project {next(_numbers)}"
    folder.mkdir()
    return folder


@pytest.fixture
def write(project: Path) -> Callable[[str, str], None]:
    """Write a file of the project."""

    def do(name: str, text: str) -> None:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)

    return do
