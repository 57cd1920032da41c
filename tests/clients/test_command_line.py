"""What people type: messages, settings and what happens where something is missing."""

import json
import os
import subprocess
import tomllib

import numpy as np
import pytest

import client_kinds
import hone_server
import small_models

ACCELERATOR = """
optimization { execution_accelerators {
  cpu_execution_accelerator [ { name: "openvino" } ]
} }
"""
REFUSES = """
parameters { key: "hone_missing_accelerator" value { string_value: "refuse" } }
"""


def hone(*arguments, **options):
    """Runs `hone` to its end, which must come soon."""
    command = [hone_server.binary(), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


def test_engines_are_shown():
    run = hone("engines")
    assert run.returncode == 0
    assert "onnxruntime" in run.stdout and "1.32" in run.stdout


def test_a_model_is_inspected(models):
    run = hone("inspect", models / "digits_mlp/1/model.onnx")
    assert run.returncode == 0
    for text in ("float32 [?, 64]", "label", "int64", "MatMul"):
        assert text in run.stdout


@pytest.mark.parametrize(
    "arguments, named",
    [
        (["serve"], "nothing to serve"),
        (["serve", "/nonexistent"], "/nonexistent"),
        (["serve", "/nonexistent.onnx"], "/nonexistent.onnx"),
        (["serve", ".", "--http-port", "many"], "many"),
        (["serve", ".", "--no-such-flag"], "--no-such-flag"),
        (["serve", ".", "--config", "/nonexistent.toml"], "/nonexistent.toml"),
        (["inspect", "/nonexistent.onnx"], "/nonexistent.onnx"),
        (["engines", "install", "nothing"], "nothing"),
    ],
)
def test_wrong_usage_is_named(arguments, named):
    run = hone(*arguments)
    assert run.returncode != 0
    assert named in run.stderr


def test_a_file_gives_settings_and_flags_go_before_it(tmp_path):
    file = tmp_path / "hone.toml"
    file.write_text('http-port = 1234\ngrpc-port = "off"\nmax-queue-requests = 7\n')
    run = hone("serve", tmp_path, "--config", file, "--http-port", "4321", "--print-config")
    assert run.returncode == 0, run.stderr
    shown = tomllib.loads(run.stdout)
    assert (shown["http-port"], shown["grpc-port"]) == (4321, "off")
    assert shown["max-queue-requests"] == 7
    # What is printed is itself a file of settings.
    file.write_text(run.stdout)
    again = hone("serve", "--config", file, "--print-config")
    assert tomllib.loads(again.stdout) == shown


def test_a_key_that_does_not_exist_is_named_with_its_line(tmp_path):
    file = tmp_path / "hone.toml"
    file.write_text("http-port = 1234\nhttp-prot = 1\n")
    run = hone("serve", tmp_path, "--config", file)
    assert run.returncode != 0
    assert "http-prot" in run.stderr and "2" in run.stderr


def test_without_an_engine_the_message_has_the_command(repository, tmp_path):
    small_models.add(repository / "plus", 1, 1)
    bare = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path / "home")}
    ports = ("--http-port", "0", "--grpc-port", "0", "--metrics-port", "0")
    run = hone("serve", repository, *ports, env=bare)
    assert run.returncode != 0
    assert "hone engines install onnxruntime" in run.stderr
    assert "hone engines install onnxruntime" in hone("engines", env=bare).stdout


def test_a_library_can_be_named(repository, start, tmp_path):
    small_models.add(repository / "plus", 1, 1)
    (library,) = (hone_server.cache_folder() / "engines").glob("*/libonnxruntime.so*")
    options = ("--onnxruntime-library", library, "--cache-dir", tmp_path)
    server = start(repository, *options)
    assert server.get("/v2/models/plus/ready").status == 200


def test_a_missing_accelerator_falls_back_and_says_so(repository, start):
    small_models.add(repository / "plus", 1, 1, config=ACCELERATOR)
    server = start(repository)
    inputs = client_kinds.HttpSync(server)
    answer = inputs.infer("plus", inputs.inputs(IN=np.zeros((1, 4), np.float32)))
    assert answer.as_numpy("OUT").tolist() == [[1] * 4]
    assert "openvino" in server.log.read_text().lower()


def test_a_missing_accelerator_can_be_refused(repository, start):
    small_models.add(repository / "plus", 1, 1, config=ACCELERATOR + REFUSES)
    server = start(repository, ready=False)
    assert server.process.wait(30) != 0
    assert "hone_missing_accelerator" in server.log.read_text()


def test_threads_follow_the_affinity(models, start):
    everything = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(everything)})
    try:
        server = start(models / "digits_mlp")
    finally:
        os.sched_setaffinity(0, everything)
    config = server.get("/v2/models/digits_mlp/config").json()
    assert sum(group["count"] for group in config["instance_group"]) == 1


def test_a_busy_port_is_named(repository, start):
    small_models.add(repository / "plus", 1, 1)
    server = start(repository)
    run = hone("serve", repository, "--http-port", server.http_port, "--grpc-port", "0")
    assert run.returncode != 0
    assert str(server.http_port) in run.stderr


def test_log_lines_are_json_where_that_is_asked_for(repository, start):
    small_models.add(repository / "plus", 1, 1)
    server = start(repository, "--log-format", "json")
    lines = server.log.read_text().splitlines()
    assert lines and all(isinstance(json.loads(line), dict) for line in lines)
