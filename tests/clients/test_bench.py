"""`hone bench` as people run it: every protocol, load and output, on a served model."""

import json
import pathlib

import pytest

import small_models
from peers import Bench, rows

MODEL = ["--model", "two_inputs"]
SHORT = ["--warm-up", "1s", "--duration", "600ms"]


def run(tmp_path, server, *options, duration="600ms", **how):
    short = [*SHORT[:-1], duration]
    return Bench(tmp_path, f"http://{server.http_url}", *MODEL, *short, *options, **how)


@pytest.mark.parametrize("protocol", ["http", "http-json", "grpc", "grpc-stream"])
def test_every_protocol_is_measured(server, tmp_path, protocol):
    scheme, address = "http", server.http_url
    if protocol.startswith("grpc"):
        scheme, address = "grpc", server.grpc_url
    load = ["--protocol", protocol, "--concurrency", 2]
    run = Bench(tmp_path, f"{scheme}://{address}", *MODEL, *SHORT, *load)
    assert run.document["schema"] == "hone.bench/1"
    assert run.document["targets"][0]["protocol"] == protocol
    summary = run.summary
    assert summary["completed"] > 50 and summary["failures"] == {}
    throughput = summary["throughput"]
    assert throughput["low"] <= throughput["value"] <= throughput["high"]
    assert summary["server"]["cpu_us_per_request"] > 0
    stages = summary["stages"]
    assert sum(stage["share"] for stage in stages["stages"]) == pytest.approx(1, abs=0.01)
    assert stages["verdict"]


def test_the_first_line_answers(server, tmp_path):
    output = run(tmp_path, server, "--concurrency", 2).output
    first = output.splitlines()[0]
    assert first.startswith("two_inputs answers ") and "at 2 in flight" in first
    assert "\x1b" not in output, "colours into a file"


def test_a_sweep_has_a_row_each(server, tmp_path):
    swept = run(tmp_path, server, "--concurrency", "1,2,4")
    assert [level["load"]["value"] for level in swept.levels] == [1, 2, 4]
    assert all(f"{callers} in flight" in swept.output for callers in (1, 2, 4))


def test_an_open_loop_keeps_its_rate(server, tmp_path):
    summary = run(tmp_path, server, "--rate", 200, "--arrivals", "constant").summary
    assert summary["offered"] == pytest.approx(120, abs=3)
    assert summary["service"]["p50"]["value"] <= summary["latency"]["p50"]["value"]


def test_a_trace_is_replayed(server, tmp_path):
    trace = tmp_path / "trace.jsonl"
    trace.write_text("".join(json.dumps({"timestamp": at}) + "\n" for at in range(0, 1000, 20)))
    replayed = run(tmp_path, server, "--replay", trace)
    assert replayed.levels[0]["load"]["mode"] == "replay"
    assert replayed.summary["offered"] == pytest.approx(50, abs=1)


def inputs_and_answers(tmp_path, wrong):
    """Ten requests of `two_inputs` with what they have to give; `wrong` of the answers are not so."""
    inputs, answers = tmp_path / "inputs.jsonl", tmp_path / "answers.jsonl"
    with inputs.open("w") as given, answers.open("w") as expected:
        for number in range(10):
            a, b = [float(number)] * 3, [1.0] * 3
            tensors = {"A": {"content": a, "shape": [3]}, "B": {"content": b, "shape": [3]}}
            given.write(json.dumps(tensors) + "\n")
            difference = [x - y + (5 if number < wrong else 0) for x, y in zip(a, b)]
            answer = {"SUM": [x + y for x, y in zip(a, b)], "DIFFERENCE": difference}
            expected.write(json.dumps(answer) + "\n")
    return ["--input", inputs, "--expect", answers]


def test_wrong_answers_have_failed(server, tmp_path):
    right = run(tmp_path, server, *inputs_and_answers(tmp_path, wrong=0)).summary
    assert right["failures"] == {} and right["completed"] > 50
    wrong = run(tmp_path, server, *inputs_and_answers(tmp_path, wrong=3))
    failed, completed = wrong.summary["failures"]["wrong_answer"], wrong.summary["completed"]
    assert failed / (failed + completed) == pytest.approx(0.3, abs=0.1)
    assert "wrong_answer" in wrong.output


def test_an_objective_holds_or_breaks(server, tmp_path):
    load = ["--rate", 300, "--slo"]
    easy = run(tmp_path, server, *load, "p90=5s", duration="2s").summary["goodput"]
    assert easy["holds"] is True and easy["share"] > 0.99
    hard = run(tmp_path, server, *load, "p90=1us", duration="2s").summary["goodput"]
    assert hard["holds"] is False and hard["rate"]["value"] == 0


def test_a_search_for_the_highest_rate_can_be_ended(server, tmp_path):
    """The whole search takes minutes on a fast server; what was tried until Ctrl-C is kept."""
    options = ["--slo", "p50=50ms", "--find-max", "--timeout", "2s"]
    found = run(tmp_path, server, *options, duration="300ms", interrupt_after=15)
    search = found.document["search"]
    assert search["probes"] and search["verdict"]
    rates = [probe["rate"] for probe in search["probes"] if probe["holds"]]
    assert search["holds"] == (max(rates) if rates else None)
    assert "Search for the highest rate that holds p50=50ms" in found.output


def test_two_servers_are_compared_in_turns(server, tmp_path):
    url = f"http://{server.http_url}"
    compared = run(tmp_path, server, "--vs", url, "--vs-protocol", "http-json", "--rounds", 3)
    a, b = compared.document["targets"]
    for target in (a, b):
        assert [level["round"] for level in target["levels"]] == [0, 1, 2]
    comparison = compared.document["comparison"]
    assert comparison["rounds"] == 3 and comparison["verdict"]
    assert "ratio [95 %]" in compared.output


def test_a_regression_fails_the_run(server, tmp_path):
    stored = tmp_path / "stored.json"
    document = run(tmp_path, server).document
    stored.write_text(json.dumps(document))
    generous = ["--baseline", stored, "--fail-over", "900%"]
    assert run(tmp_path, server, *generous).document["baseline"]
    for level in document["targets"][0]["levels"]:
        for figure in ("value", "low", "high"):
            level["summary"]["throughput"][figure] *= 100
    stored.write_text(json.dumps(document))
    failed = run(tmp_path, server, "--baseline", stored, code=3)
    assert "regression: throughput" in failed.output


def test_what_is_no_result_is_no_baseline(server, tmp_path):
    stored = tmp_path / "stored.json"
    stored.write_text("{}")
    failed = run(tmp_path, server, "--baseline", stored, code=1)
    assert "no result of `hone bench`" in failed.errors


def test_a_model_is_served_for_the_measurement(tmp_path):
    small_models.two_inputs(tmp_path / "models/two_inputs")
    served = Bench(tmp_path, "--serve", tmp_path / "models", *SHORT, "--concurrency", 2)
    assert served.summary["completed"] > 50
    assert served.document["targets"][0]["model"] == "two_inputs"


def test_files_are_what_they_say(server, tmp_path):
    table, page = tmp_path / "table.csv", tmp_path / "page.html"
    files = run(tmp_path, server, "--concurrency", "1,4", "--csv", table, "--html", page)
    first, second = rows(table)
    assert float(first["Inferences/Second"]) <= float(second["Inferences/Second"])
    for row in (first, second):
        level = level_at(files.levels, float(row["Concurrency"]))
        p99 = level["summary"]["latency"]["p99"]["value"]
        assert int(row["p99 latency"]) == pytest.approx(p99 * 1000, abs=1)
    text = pathlib.Path(page).read_text()
    assert text.startswith("<!doctype html>") and "two_inputs answers" in text
    assert 'src="' not in text and 'href="' not in text


def level_at(levels, value):
    (level,) = [level for level in levels if level["load"]["value"] == value]
    return level


def test_a_server_that_is_not_there_is_said(tmp_path):
    failed = Bench(tmp_path, "http://127.0.0.1:9", *MODEL, *SHORT, code=1)
    assert "127.0.0.1:9" in failed.errors and failed.document is None
