"""Health, metadata and configuration, as each of the four clients sees them."""

import pytest

EXTENSIONS = {
    "binary_tensor_data",
    "classification",
    "logging",
    "model_configuration",
    "model_repository",
    "parameters",
    "schedule_policy",
    "statistics",
}


def test_a_loaded_server_is_live_and_ready(client):
    assert client.is_server_live()
    assert client.is_server_ready()


@pytest.mark.parametrize(
    "model, version, ready",
    [
        ("two_inputs", "", True),
        ("two_inputs", "1", True),
        ("two_inputs", "2", False),
        ("versions", "10", True),
        ("absent", "", False),
    ],
)
def test_models_are_ready_by_version(client, model, version, ready):
    assert client.is_model_ready(model, version) is ready


def test_server_metadata_names_the_extensions(client):
    metadata = client.get_server_metadata()
    assert metadata["name"] and metadata["version"]
    assert EXTENSIONS <= set(metadata["extensions"])


def test_model_metadata_shows_the_batch_dimension(client):
    metadata = client.get_model_metadata("two_inputs")
    assert metadata["name"] == "two_inputs"
    assert metadata["versions"] == ["1"]
    assert metadata["platform"] == "onnxruntime_onnx"
    for tensors, names in (("inputs", ["A", "B"]), ("outputs", ["SUM", "DIFFERENCE"])):
        assert [tensor["name"] for tensor in metadata[tensors]] == names
        for tensor in metadata[tensors]:
            assert tensor["datatype"] == "FP32"
            assert list(map(int, tensor["shape"])) == [-1, 3]


def test_model_metadata_lists_the_served_versions(client):
    assert sorted(client.get_model_metadata("versions")["versions"]) == ["1", "10", "2"]
    assert client.get_model_metadata("versions", "2")["versions"] == ["2"]


@pytest.mark.parametrize("element", ["bool", "int8", "uint64", "fp16", "bf16", "fp64", "bytes"])
def test_model_metadata_names_element_types(client, element):
    metadata = client.get_model_metadata(f"identity_{element}")
    assert metadata["inputs"][0]["datatype"] == element.upper()


def test_model_config_is_completed_from_the_model(client):
    config = client.get_model_config("two_inputs")
    # gRPC wraps the configuration in a message of its own.
    config = config.get("config", config)
    assert config["name"] == "two_inputs"
    assert config["backend"] == "onnxruntime"
    assert config["platform"] == "onnxruntime_onnx"
    assert config["max_batch_size"] > 1
    assert "dynamic_batching" in config
    assert config["instance_group"]
    for key, names in (("input", ["A", "B"]), ("output", ["SUM", "DIFFERENCE"])):
        assert [tensor["name"] for tensor in config[key]] == names
        for tensor in config[key]:
            assert tensor["data_type"] == "TYPE_FP32"
            assert list(map(int, tensor["dims"])) == [3]


def test_a_fixed_first_dimension_means_no_batching(client):
    config = client.get_model_config("fixed_shape")
    config = config.get("config", config)
    assert config.get("max_batch_size", 0) == 0
    assert list(map(int, config["input"][0]["dims"])) == [2, 3]


@pytest.mark.parametrize(
    "method, version",
    [("get_model_metadata", ""), ("get_model_config", ""), ("get_inference_statistics", "")],
)
def test_an_unknown_model_is_named(client, method, version):
    message, code = client.error(method, "absent", version)
    assert "'absent'" in message and "not found" in message
    assert code == "not found"


def test_an_unknown_version_is_named(client):
    message, code = client.error("get_model_metadata", "two_inputs", "7")
    assert "two_inputs" in message and "7" in message
    assert code == "not found"


def test_http_health_has_no_body(server):
    for path in ("/v2/health/live", "/v2/health/ready", "/v2/models/two_inputs/ready"):
        response = server.get(path)
        assert (response.status, response.body) == (200, b"")


def test_unknown_paths_and_methods(server):
    assert server.get("/v2/nothing").status == 404
    assert server.get("/v2/nothing").error() == "Not Found"
    response = server.post("/v2/health/live")
    assert (response.status, response.error()) == (405, "Method Not Allowed")


def test_http_error_bodies_are_json(server):
    response = server.get("/v2/models/absent")
    assert response.headers["Content-Type"] == "application/json"
    assert list(response.json()) == ["error"]
