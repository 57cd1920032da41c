"""Servers and clients that tests ask for."""

import pathlib

import openai
import pytest

import client_kinds
import hone_server
import small_models


@pytest.fixture(scope="session")
def models():
    """The repository that `cargo xtask models` lays out."""
    folder = hone_server.cache_folder() / "models"
    if not (folder / "minilm").is_dir():
        pytest.fail(f"no models in {folder}: run `cargo xtask models`")
    return folder


@pytest.fixture(scope="session")
def small_repository(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    small_models.write_all(folder)
    return folder


@pytest.fixture(scope="session")
def server(small_repository, tmp_path_factory):
    """Serves the small models; tests must leave it as it was."""
    log = tmp_path_factory.mktemp("log") / "server.log"
    with hone_server.Server(log, small_repository) as running:
        yield running.wait_until_ready()


@pytest.fixture(scope="session")
def models_server(models, tmp_path_factory):
    """Serves the real models."""
    log = tmp_path_factory.mktemp("log") / "models.log"
    with hone_server.Server(log, models) as running:
        yield running.wait_until_ready()


@pytest.fixture(scope="session")
def language_server(models, tmp_path_factory):
    """Serves SmolLM2."""
    log = tmp_path_factory.mktemp("log") / "language.log"
    with hone_server.Server(log, models / "smollm2") as running:
        yield running.wait_until_ready()


@pytest.fixture(scope="session")
def openai_client(language_server):
    """The real `openai` client."""
    return openai.OpenAI(
        base_url=f"http://{language_server.http_url}/v1", api_key="none", max_retries=0
    )


@pytest.fixture
def repository(tmp_path):
    """An empty model repository."""
    folder = tmp_path / "repository"
    folder.mkdir()
    return folder


@pytest.fixture
def start(tmp_path):
    """Starts a server of the test's own: `start(PATH, OPTION...)`."""
    running = []

    def start(*arguments, ready=True):
        log = tmp_path / f"server{len(running)}.log"
        running.append(hone_server.Server(log, *arguments))
        return running[-1].wait_until_ready() if ready else running[-1]

    yield start
    for one in running:
        one.__exit__()


@pytest.fixture(params=client_kinds.ALL, ids=lambda kind: kind.name)
def kind(request):
    """Each of tritonclient's four clients in turn."""
    return request.param


@pytest.fixture
def client(kind, server):
    """A client of `server`."""
    return kind(server)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        for name in ("server", "models_server", "language_server"):
            running = getattr(item, "funcargs", {}).get(name)
            if running is not None:
                tail = pathlib.Path(running.log).read_text(errors="replace")[-4000:]
                report.sections.append((f"log of {name}", tail))
    return report
