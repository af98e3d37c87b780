"""A server of runs, and one run that nothing disturbed."""

import killed_runs
import pytest
from fork_server import ForkServer


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with ForkServer(tmp_path_factory.mktemp("lives")) as server:
        yield server


@pytest.fixture(scope="session")
def undisturbed(server, tiny_dataset, tmp_path_factory):
    """The folder of a run that was never stopped. Tests must not change it."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    code, output = server.run(*killed_runs.command(tiny_dataset, folder))
    assert code == 0, output
    return folder
