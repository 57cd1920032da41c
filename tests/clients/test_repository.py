"""Loading, unloading, versions and reloads."""

import base64
import json
import shutil

import numpy as np
import pytest

import client_kinds
import small_models


@pytest.fixture(params=[client_kinds.HttpSync, client_kinds.GrpcSync], ids=lambda kind: kind.name)
def kind(request):
    """One client of each protocol; the asynchronous ones differ in nothing that matters here."""
    return request.param


@pytest.fixture
def explicit(repository, start, kind):
    """A server in explicit control of a repository with two models, none of them loaded."""
    small_models.add(repository / "plus", 1, 1)
    small_models.add(repository / "other", 1, 5)
    return kind(start(repository, "--model-control-mode", "explicit"))


def plus(client, model="plus", version=""):
    inputs = client.inputs(IN=np.zeros((1, 4), np.float32))
    return client.infer(model, inputs, model_version=version).as_numpy("OUT")[0, 0]


def index(client):
    """(name, version) -> (state, reason)"""
    answer = client.get_model_repository_index()
    models = answer["models"] if client.is_grpc else answer
    return {
        (model["name"], model.get("version", "")): (model.get("state", ""), model.get("reason", ""))
        for model in models
    }


def test_explicit_control_starts_empty(explicit):
    assert explicit.is_server_ready()
    assert not explicit.is_model_ready("plus")
    names = {name for name, _ in index(explicit)}
    assert names == {"plus", "other"}
    assert all(state != "READY" for state, _ in index(explicit).values())


def test_load_and_unload(explicit):
    explicit.load_model("plus")
    assert explicit.is_model_ready("plus")
    assert plus(explicit) == 1
    assert index(explicit)["plus", "1"] == ("READY", "")
    explicit.unload_model("plus")
    explicit.server.wait_until(lambda: not explicit.is_model_ready("plus"))
    message, _ = explicit.error("infer", "plus", explicit.inputs(IN=np.zeros((1, 4), np.float32)))
    assert "plus" in message
    state, reason = index(explicit)["plus", "1"]
    assert (state, reason) == ("UNAVAILABLE", "unloaded")


def test_loading_an_unknown_model_names_it(explicit):
    message, _ = explicit.error("load_model", "absent")
    assert "absent" in message
    assert explicit.is_server_live()


@pytest.mark.parametrize("name", ["../plus", "..", "/etc", "a b"])
def test_odd_model_names_reach_nothing(explicit, name):
    if explicit.is_grpc:
        explicit.error("load_model", name)
    else:
        path = name.replace("/", "%2F").replace(" ", "%20")
        assert explicit.server.post(f"/v2/repository/models/{path}/load").status >= 400
    assert explicit.is_server_live()


def test_unloading_what_is_not_loaded(explicit):
    explicit.unload_model("other")
    assert not explicit.is_model_ready("other")


def test_load_with_a_configuration_of_the_callers(explicit):
    config = {"max_batch_size": 2, "dynamic_batching": {"max_queue_delay_microseconds": 100}}
    explicit.load_model("plus", config=json.dumps(config))
    got = explicit.get_model_config("plus")
    got = got.get("config", got)
    assert got["max_batch_size"] == 2
    message, _ = explicit.error("infer", "plus", explicit.inputs(IN=np.zeros((3, 4), np.float32)))
    assert "2" in message
    # The next plain load goes back to what the repository says.
    explicit.load_model("plus")
    got = explicit.get_model_config("plus")
    assert got.get("config", got)["max_batch_size"] != 2


@pytest.mark.parametrize(
    "config, named",
    [
        ('{"max_batch": 2}', "max_batch"),
        ('{"max_batch_size": "many"}', "line 1"),
        ("{", "config"),
        ('{"input": [{"name": "NO", "data_type": "TYPE_FP32", "dims": [4]}]}', "NO"),
    ],
)
def test_a_wrong_configuration_is_refused_and_the_model_goes_on(explicit, config, named):
    explicit.load_model("plus")
    message, _ = explicit.error("load_model", "plus", config=config)
    assert named in message
    assert plus(explicit) == 1


def test_load_with_a_file_of_the_callers(explicit, tmp_path):
    small_models.add(tmp_path / "sent", 1, 42)
    model = (tmp_path / "sent/1/model.onnx").read_bytes()
    options = {"config": '{"max_batch_size": 4}', "files": {"file:1/model.onnx": model}}
    explicit.load_model("sent", **options)
    assert plus(explicit, "sent") == 42


def test_files_need_a_configuration(explicit, tmp_path):
    if explicit.is_grpc:
        message, _ = explicit.error("load_model", "sent", files={"file:1/model.onnx": b"x"})
    else:
        # tritonclient refuses this by itself.
        file = base64.b64encode(b"x").decode()
        body = {"parameters": {"file:1/model.onnx": file}}
        message = explicit.server.post("/v2/repository/models/sent/load", body).error()
    assert "config" in message


def test_a_reload_brings_a_changed_model(explicit, repository):
    explicit.load_model("plus")
    small_models.add(repository / "plus", 1, 9)
    explicit.load_model("plus")
    assert plus(explicit) == 9


def test_a_reload_that_fails_leaves_the_old_model(explicit, repository):
    explicit.load_model("plus")
    (repository / "plus/1/model.onnx").write_bytes(b"this is no model")
    message, _ = explicit.error("load_model", "plus")
    assert "plus" in message
    assert explicit.is_model_ready("plus")
    assert plus(explicit) == 1


def test_a_new_version_replaces_the_latest(explicit, repository):
    explicit.load_model("plus")
    small_models.add(repository / "plus", 3, 3)
    explicit.load_model("plus")
    assert plus(explicit) == 3
    message, code = explicit.error(
        "infer", "plus", explicit.inputs(IN=np.zeros((1, 4), np.float32)), model_version="1"
    )
    assert "1" in message


@pytest.mark.parametrize(
    "policy, served",
    [
        ({"latest": {"num_versions": 2}}, {"2", "10"}),
        ({"all": {}}, {"1", "2", "10"}),
        ({"specific": {"versions": [1, 10]}}, {"1", "10"}),
    ],
)
def test_version_policies(explicit, repository, policy, served):
    for version in (1, 2, 10):
        small_models.add(repository / "many", version, version)
    # Not versions: a leading zero, a word, a file.
    shutil.copytree(repository / "many/1", repository / "many/03")
    shutil.copytree(repository / "many/1", repository / "many/draft")
    (repository / "many/7").write_text("")
    explicit.load_model("many", config=json.dumps({"version_policy": policy}))
    assert set(explicit.get_model_metadata("many")["versions"]) == served
    for version in served:
        assert plus(explicit, "many", version) == int(version)
    assert {
        v for n, v in index(explicit) if n == "many" and index(explicit)[n, v][0] == "READY"
    } == served


def test_the_index_can_be_asked_for_ready_models_only(explicit):
    explicit.load_model("plus")
    ready = explicit.server.post("/v2/repository/index", {"ready": True}).json()
    assert [model["name"] for model in ready] == ["plus"]


def test_load_model_at_start(repository, start):
    for name in ("one", "two"):
        small_models.add(repository / name, 1, 1)
    server = start(repository, "--model-control-mode", "explicit", "--load-model", "two")
    assert server.get("/v2/models/two/ready").status == 200
    assert server.get("/v2/models/one/ready").status != 200


def test_load_and_unload_are_refused_without_explicit_control(server):
    for action in ("load", "unload"):
        response = server.post(f"/v2/repository/models/two_inputs/{action}")
        assert response.status == 503
        assert "explicit" in response.error()
    assert server.get("/v2/models/two_inputs/ready").status == 200


def test_a_repository_name_in_the_path_is_unsupported(server):
    assert server.post("/v2/repository/other/index").status == 501


def test_polling_follows_the_folder(repository, start):
    small_models.add(repository / "plus", 1, 1)
    server = start(repository, "--model-control-mode", "poll", "--repository-poll-secs", "1")
    client = client_kinds.HttpSync(server)
    assert plus(client) == 1
    small_models.add(repository / "plus", 2, 2)
    server.wait_until(lambda: plus(client) == 2, 20)
    small_models.add(repository / "late", 1, 7)
    server.wait_until(lambda: client.is_model_ready("late"), 20)
    assert plus(client, "late") == 7
    shutil.rmtree(repository / "late")
    server.wait_until(lambda: not client.is_model_ready("late"), 20)


def test_a_broken_model_is_named_and_the_others_serve(repository, start):
    small_models.add(repository / "good", 1, 1)
    (repository / "bad/1").mkdir(parents=True)
    (repository / "bad/1/model.onnx").write_bytes(b"this is no model")
    server = start(repository, "--exit-on-error", "false", ready=False)
    client = client_kinds.HttpSync(server)
    server.wait_until(lambda: server.get("/v2/models/good/ready").status == 200)
    assert plus(client, "good") == 1
    ((state, reason),) = [entry for (name, _), entry in index(client).items() if name == "bad"]
    assert state == "UNAVAILABLE" and "bad/1/model.onnx" in reason
    # Ready would be a lie: one of the models that it should serve does not answer.
    assert server.get("/v2/health/ready").status != 200


def test_a_wrong_config_file_names_line_and_field(repository, start):
    small_models.add(repository / "plus", 1, 1, config="max_batch_size: 4\nmax_batch: 2\n")
    server = start(repository, ready=False)
    assert server.process.wait(30) != 0
    log = server.log.read_text()
    assert "max_batch" in log and "config.pbtxt" in log
    assert "2:" in log or "line 2" in log


def test_several_repositories_and_a_bare_file(tmp_path, start):
    small_models.add(tmp_path / "first/a", 1, 1)
    small_models.add(tmp_path / "second/b", 1, 2)
    small_models.add(tmp_path / "third/c", 1, 3)
    bare = tmp_path / "bare.onnx"
    shutil.copy(tmp_path / "third/c/1/model.onnx", bare)
    server = start(tmp_path / "first", tmp_path / "second", bare)
    client = client_kinds.HttpSync(server)
    assert [plus(client, name) for name in ("a", "b", "bare")] == [1, 2, 3]


def test_unloading_frees_the_memory(models, start):
    server = start(models, "--model-control-mode", "explicit")
    client = client_kinds.HttpSync(server)
    # The first time also loads the engine itself.
    client.load_model("minilm")
    client.unload_model("minilm")
    before = server.memory_bytes()
    for _ in range(3):
        client.load_model("minilm")
        loaded = server.memory_bytes()
        client.unload_model("minilm")
    server.wait_until(lambda: server.memory_bytes() < before + 30e6, 10)
    assert loaded > before + 60e6
