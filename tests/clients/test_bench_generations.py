"""`hone bench` over OpenAI's API: prompts of a length, conversations, recorded lengths, and a ramp."""

import json

import pytest

import scripted_servers
from peers import Bench

SHORT = ["--warm-up", "0s", "--duration", "1500ms"]


@pytest.fixture(scope="module")
def port():
    with scripted_servers.running("chat", tokens=8, first=20, between=5) as port:
        yield port


def run(tmp_path, port, *options, protocol="openai-chat"):
    return Bench(tmp_path, f"127.0.0.1:{port}", "--protocol", protocol, *SHORT, *options)


def test_prompts_have_the_tokens_that_are_asked_for(port, tmp_path):
    """The server counts; the only model that it has needs no name."""
    measured = run(tmp_path, port, "--prompt-tokens", 40, "--output-tokens", 8, "--concurrency", 2)
    generation = measured.summary["generation"]
    assert generation["prompt_tokens_mean"] == 40
    assert generation["output_tokens_mean"] == 8
    assert generation["time_to_first_token"]["p50"]["value"] == pytest.approx(20, abs=15)
    assert generation["time_per_output_token"]["p50"]["value"] == pytest.approx(5, abs=4)


def test_a_generation_in_one_piece_has_no_time_per_token(port, tmp_path):
    generation = run(tmp_path, port, "--no-stream").summary["generation"]
    assert generation["output_tokens_mean"] == 8
    assert generation["inter_token_latency"]["count"] == 0


def test_conversations_carry_what_was_said(port, tmp_path):
    """Three turns of 10 words and answers of 8: prompts of 10, 28 and 46 tokens."""
    options = ["--sessions", 3, "--turns", 3, "--think", "10ms", "--prompt-tokens", 10]
    measured = run(tmp_path, port, *options)
    assert measured.levels[0]["load"]["mode"] == "sessions"
    assert measured.summary["failures"] == {}
    assert measured.summary["generation"]["prompt_tokens_mean"] == pytest.approx(28, abs=4)


def test_recorded_lengths_are_replayed(port, tmp_path):
    trace = tmp_path / "trace.jsonl"
    lengths = [(0, 5), (30, 15), (60, 25), (90, 35)]
    lines = [{"timestamp": at, "input_length": tokens} for at, tokens in lengths]
    trace.write_text("".join(json.dumps(line) + "\n" for line in lines))
    replayed = run(tmp_path, port, "--replay", trace)
    assert replayed.summary["offered"] == replayed.summary["completed"] == 4
    assert replayed.summary["generation"]["prompt_tokens_mean"] == 20


def test_objectives_of_generations(port, tmp_path):
    load = ["--concurrency", 4, "--slo"]
    easy = run(tmp_path, port, *load, "ttft.p50=5s,tpot.p50=1s").summary["goodput"]
    assert easy["holds"] is True and easy["share"] > 0.9
    hard = run(tmp_path, port, *load, "ttft.p50=1ms").summary["goodput"]
    assert hard["holds"] is False and hard["rate"]["value"] == 0


def test_a_ramp_grows(server, tmp_path):
    url, load = f"http://{server.http_url}", ["--ramp", "50:450", "--arrivals", "constant"]
    measured = Bench(tmp_path, url, "--model", "two_inputs", *SHORT, *load)
    assert measured.levels[0]["load"]["mode"] == "ramp"
    assert measured.summary["offered"] == pytest.approx(375, rel=0.1)
    rates = [point["rate"] for point in measured.summary["timeline"]]
    third = len(rates) // 3
    assert sum(rates[-third:]) > 2 * sum(rates[:third])
