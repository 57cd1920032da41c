"""perf_analyzer, unmodified, against Hone. It is skipped where the tool cannot run."""

import csv
import subprocess

import pytest

import hone_server


def tool():
    """The program that `cargo xtask models` fetched."""
    path = hone_server.cache_folder() / "perf_analyzer/run"
    if not path.exists():
        pytest.skip("`cargo xtask models` could not fetch perf_analyzer here")
    run = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60)
    if run.returncode != 0:
        pytest.skip(f"perf_analyzer does not run here: {run.stderr.strip()[-300:]}")
    return path


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_it_measures(server, protocol, tmp_path):
    path = tool()
    report = tmp_path / "report.csv"
    url = server.grpc_url if protocol == "grpc" else server.http_url
    command = [path, "-m", "two_inputs", "-i", protocol, "-u", url, "--concurrency-range", "2"]
    command += ["--request-count", "200", "-f", str(report)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
    (row,) = csv.DictReader(report.open())
    assert float(row["Inferences/Second"]) > 0
    assert float(row["Server Compute Infer"]) > 0
