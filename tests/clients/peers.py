"""perf_analyzer and aiperf, unmodified, to hold `hone bench` against."""

import csv
import json
import signal
import subprocess

import pytest

import hone_server


def perf_analyzer():
    """The program that `cargo xtask models` fetched."""
    path = hone_server.cache_folder() / "perf_analyzer/run"
    if not path.exists():
        pytest.skip("`cargo xtask models` could not fetch perf_analyzer here")
    run = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60)
    if run.returncode != 0:
        pytest.skip(f"perf_analyzer does not run here: {run.stderr.strip()[-300:]}")
    return path


def run_perf_analyzer(tmp_path, *options):
    """The rows of its CSV, and all that it printed."""
    report = tmp_path / "perf_analyzer.csv"
    command = [perf_analyzer(), *map(str, options), "-f", str(report)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=240)
    printed = run.stdout + run.stderr
    # 2: no three windows agreed, which another load on this machine can cause.
    if run.returncode == 2:
        pytest.skip(f"perf_analyzer found no steady state: {printed[-300:]}")
    assert run.returncode == 0, printed
    return rows(report), printed


def rows(report):
    """A CSV file of perf_analyzer or `hone bench` as the scripts made for it read one."""
    with open(report, newline="") as file:
        return list(csv.DictReader(file))


def run_aiperf(tmp_path, port, *options):
    """What it writes at the end of a run against an OpenAI server, as a dictionary."""
    program = hone_server.cache_folder() / "aiperf/bin/aiperf"
    if not program.exists():
        pytest.skip("no aiperf; `cargo xtask aiperf` fetches it (1.2 GB)")
    out = tmp_path / "aiperf"
    command = [program, "profile", "--model", "scripted", "--url", f"http://127.0.0.1:{port}"]
    command += ["--endpoint-type", "chat", "--streaming", "--tokenizer", tokenizer(tmp_path)]
    command += ["--prompt-input-tokens-mean", "20", "--ui", "none", "--no-gpu-telemetry"]
    command += ["--no-server-metrics", "--output-artifact-dir", str(out), *map(str, options)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    exported = out / "profile_export_aiperf.json"
    if not exported.exists():
        pytest.skip(f"aiperf does not run here: {(run.stdout + run.stderr)[-600:]}")
    console = (out / "profile_export_console.txt").read_text()
    return json.loads(exported.read_text()), console


def tokenizer(tmp_path):
    """MiniLM's, which aiperf makes prompts with and counts by; its own would come from the network."""
    folder = tmp_path / "tokenizer"
    folder.mkdir(exist_ok=True)
    source = hone_server.cache_folder() / "models/minilm/tokenizer.json"
    (folder / "tokenizer.json").write_bytes(source.read_bytes())
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 512}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


class Bench:
    """One run of `hone bench`."""

    def __init__(self, tmp_path, *options, code=0, interrupt_after=300):
        path = tmp_path / "bench.json"
        path.unlink(missing_ok=True)
        command = [hone_server.binary(), "bench", *map(str, options), "--quiet"]
        command += ["--output", str(path)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        run = subprocess.Popen(command, **pipes)
        try:
            self.output, self.errors = run.communicate(timeout=interrupt_after)
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGINT)
            self.output, self.errors = run.communicate(timeout=60)
        assert run.returncode == code, f"{run.returncode}: {self.output}\n{self.errors}"
        self.document = json.loads(path.read_text()) if path.exists() else None

    @property
    def levels(self):
        """All levels of the first target."""
        return self.document["targets"][0]["levels"]

    @property
    def summary(self):
        """Of the only level."""
        (level,) = self.levels
        return level["summary"]
