"""perf_analyzer, unmodified, against Hone. It is skipped where the tool cannot run."""

import pytest

from peers import run_perf_analyzer


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_it_measures(server, protocol, tmp_path):
    url = server.grpc_url if protocol == "grpc" else server.http_url
    options = ["-m", "two_inputs", "-i", protocol, "-u", url, "--concurrency-range", "2"]
    (row,), _ = run_perf_analyzer(tmp_path, *options, "--request-count", "200")
    assert float(row["Inferences/Second"]) > 0
    assert float(row["Server Compute Infer"]) > 0
