"""perf_analyzer, unmodified, against Hone. It is skipped where the tool cannot run."""

import csv
import shutil
import subprocess

import pytest

import hone_server


def tool():
    inside = hone_server.cache_folder() / "venv/bin/perf_analyzer"
    path = str(inside) if inside.exists() else shutil.which("perf_analyzer")
    if path is None:
        pytest.skip("perf_analyzer is not installed (`pip install perf-analyzer`)")
    run = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60)
    if run.returncode != 0:
        reason = (run.stderr or run.stdout).strip().splitlines()
        pytest.skip(f"perf_analyzer does not run here: {reason[-1] if reason else run.returncode}")
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
