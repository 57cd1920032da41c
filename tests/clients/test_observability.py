"""Statistics, metrics and log settings."""

import json

import numpy as np
import pytest

import client_kinds
import small_models

STAGES = ("success", "fail", "queue", "compute_input", "compute_infer", "compute_output")


@pytest.fixture
def alone(repository, start):
    """A server of the test's own, so that its counts start at 0."""
    small_models.add(repository / "plus", 1, 1)
    small_models.lookup(repository / "lookup", 100, "max_batch_size: 8\n")
    return start(repository)


def ask(client, model, array):
    return client.infer(model, client.inputs(IN=array))


def statistics(client, model=""):
    stats = client.get_inference_statistics(model)["model_stats"]
    return {entry["name"]: entry for entry in stats}


@pytest.mark.parametrize("kind", client_kinds.ALL, ids=lambda kind: kind.name)
def test_statistics_count_requests_rows_and_failures(alone, kind):
    client = kind(alone)
    for rows in (1, 3):
        ask(client, "plus", np.zeros((rows, 4), np.float32))
    client.error("infer", "lookup", client.inputs(IN=np.array([[1000]])))

    stats = statistics(client)
    plus = stats["plus"]
    assert plus["version"] == "1"
    assert int(plus["inference_count"]) == 4
    assert int(plus["execution_count"]) == 2
    assert int(plus["last_inference"]) > 1.7e12
    for stage in ("success", "queue", "compute_input", "compute_infer", "compute_output"):
        assert int(plus["inference_stats"][stage]["count"]) == 2
        # JSON of gRPC messages leaves zeroes out.
        assert int(plus["inference_stats"][stage].get("ns", 0)) >= 0
    batches = {int(batch["batch_size"]): batch for batch in plus["batch_stats"]}
    assert sorted(batches) == [1, 3]
    for batch in batches.values():
        for stage in ("compute_input", "compute_infer", "compute_output"):
            assert int(batch[stage]["count"]) == 1
    assert int(stats["lookup"]["inference_stats"]["fail"]["count"]) == 1
    assert list(statistics(client, "plus")) == ["plus"]


def test_http_statistics_have_every_field(alone):
    client = client_kinds.HttpSync(alone)
    ask(client, "plus", np.zeros((1, 4), np.float32))
    entry = alone.get("/v2/models/plus/versions/1/stats").json()["model_stats"][0]
    for stage in (*STAGES, "cache_hit", "cache_miss"):
        assert set(entry["inference_stats"][stage]) == {"count", "ns"}
    assert alone.get("/v2/models/stats").json()["model_stats"]


def test_statistics_say_why_batches_left(alone):
    client = client_kinds.HttpSync(alone)
    ask(client, "plus", np.zeros((1, 4), np.float32))
    text = alone.get("/v2/models/plus/stats").body.decode()
    assert "idle" in text and "shape_change" in text and "deadline" in text


def test_requests_do_not_take_longer_than_their_parts_say(alone):
    client = client_kinds.HttpSync(alone)
    ask(client, "plus", np.zeros((1, 4), np.float32))
    stats = statistics(client, "plus")["plus"]["inference_stats"]
    parts = sum(stats[stage]["ns"] for stage in STAGES[2:])
    assert 0 < parts <= stats["success"]["ns"]


def samples(text):
    """name{labels} -> value"""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines}


def test_metrics_have_tritons_names(alone):
    client = client_kinds.HttpSync(alone)
    for rows in (1, 3):
        ask(client, "plus", np.zeros((rows, 4), np.float32))
    client.error("infer", "lookup", client.inputs(IN=np.array([[1000]])))
    found = samples(alone.metrics())
    labels = '{model="plus",version="1"}'
    assert found["nv_inference_request_success" + labels] == 2
    assert found["nv_inference_count" + labels] == 4
    assert found["nv_inference_exec_count" + labels] == 2
    assert found["nv_inference_pending_request_count" + labels] == 0
    for name in ("request", "queue", "compute_input", "compute_infer", "compute_output"):
        assert found[f"nv_inference_{name}_duration_us{labels}"] >= 0
    failures = {
        name: value
        for name, value in found.items()
        if name.startswith("nv_inference_request_failure{") and 'model="lookup"' in name
    }
    assert sum(failures.values()) == 1
    assert any('reason="BACKEND"' in name and value == 1 for name, value in failures.items())


def test_metrics_have_histograms_that_add_up(alone):
    client = client_kinds.HttpSync(alone)
    for _ in range(5):
        ask(client, "plus", np.zeros((1, 4), np.float32))
    found = samples(alone.metrics())
    buckets = [name for name in found if "_bucket{" in name and 'model="plus"' in name]
    families = {name.split("_bucket{")[0] for name in buckets}
    assert len(families) >= 4, families
    for family in families:
        last = [n for n in buckets if n.startswith(family + "_bucket{") and 'le="+Inf"' in n]
        counts = [n for n in found if n.startswith(family + "_count{") and 'model="plus"' in n]
        assert found[last[0]] == found[counts[0]] == 5


def test_health_and_metrics_answer_on_the_metrics_port(alone):
    assert alone.get("/v2/health/live", port=alone.metrics_port).status == 200
    assert alone.get("/v2/health/ready", port=alone.metrics_port).status == 200
    for path in ("/metrics", "/metrics/"):
        response = alone.get(path, port=alone.metrics_port)
        assert response.headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize("kind", client_kinds.ALL, ids=lambda kind: kind.name)
def test_log_settings_are_read_and_changed(alone, kind):
    client = kind(alone)

    def settings():
        answer = client.get_log_settings()
        if not client.is_grpc:
            return answer
        return {name: next(iter(value.values())) for name, value in answer["settings"].items()}

    first = settings()
    expected = {
        "log_file",
        "log_info",
        "log_warning",
        "log_error",
        "log_verbose_level",
        "log_format",
    }
    assert expected <= set(first)
    client.update_log_settings({"log_verbose_level": 1, "log_info": False})
    assert int(settings()["log_verbose_level"]) == 1
    assert settings()["log_info"] is False
    client.update_log_settings({"log_verbose_level": 0, "log_info": True})
    assert settings()["log_info"] is True


@pytest.mark.parametrize(
    "settings, named",
    [
        ({"log_sound": True}, "log_sound"),
        ({"log_info": "yes"}, "log_info"),
        ({"log_file": "/etc/passwd"}, "log_file"),
    ],
)
def test_wrong_log_settings_are_named(alone, settings, named):
    response = alone.post("/v2/logging", settings)
    assert 400 <= response.status < 600
    assert named in response.error()
    assert alone.get("/v2/logging").status == 200


def test_the_access_log_names_the_request(repository, start):
    small_models.add(repository / "plus", 1, 1)
    server = start(repository, "--access-log", "--log-format", "json")
    tensor = {"name": "IN", "shape": [1, 4], "datatype": "FP32", "data": [0, 0, 0, 0]}
    assert server.infer("plus", {"id": "request-7", "inputs": [tensor]}).status == 200
    assert server.stop() == 0
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.strip()]
    named = [line for line in lines if "request-7" in json.dumps(line)]
    assert named and any("200" in json.dumps(line) for line in named)
