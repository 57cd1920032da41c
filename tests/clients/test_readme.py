"""The README's first request gives the README's answer."""

import json
import pathlib
import re

import pytest

TREE = pathlib.Path(__file__).parents[2]


def test_the_first_request(models_server):
    text = (TREE / "README.md").read_text()
    path, body = re.search(r"curl -s localhost:8000(\S+) -d '(\{.*?\})'\n```", text, re.S).groups()
    shown = re.search(
        r'"sentence_embedding".*?"data":\[([-0-9.,]+)', text[text.index(body) :], re.S
    )
    expected = [float(number) for number in shown[1].rstrip(",").split(",")]
    answer = models_server.post(path, json.loads(body)).json()
    (output,) = answer["outputs"]
    assert output["shape"] == [1, 384]
    assert len(expected) >= 3
    assert output["data"][: len(expected)] == pytest.approx(expected, abs=1e-5)


def test_its_commands_exist():
    text = (TREE / "README.md").read_text()
    usage = (TREE / "crates/xtask/src/main.rs").read_text()
    tasks = set(re.findall(r"cargo xtask (\w+)", text))
    assert {"demo", "ci"} <= tasks
    assert all(f'("{task}", ' in usage for task in tasks)
