"""`hone profile` of a real model: the whole time is explained, and the page stands alone."""

import html.parser
import json
import subprocess

import pytest

import hone_server

EXPLAINED_MIN = 0.98


@pytest.fixture(scope="module")
def profile(models, tmp_path_factory):
    """Text, document and page of a short profile of MiniLM."""
    folder = tmp_path_factory.mktemp("profile")
    document, page = folder / "minilm.json", folder / "minilm.html"
    command = [hone_server.binary(), "profile", str(models / "minilm"), "--seconds", "6"]
    command += ["--batch-max", "4", "--output", str(document), "--html", str(page)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    return run.stdout, json.loads(document.read_text()), page.read_text()


@pytest.mark.parametrize("load", [0, 1], ids=["low", "saturating"])
def test_the_time_of_a_request_is_explained(profile, load):
    _, document, _ = profile
    load = document["loads"][load]
    assert load["failures"] == 0 and load["samples"] > 0
    assert load["explained"] >= EXPLAINED_MIN, load
    assert all(stage["ms"] >= 0 for stage in load["stages"])
    named = sum(stage["ms"] for stage in load["stages"])
    whole = named + load["unexplained_ms"]
    assert named / whole == pytest.approx(load["explained"])
    assert whole == pytest.approx(load["latency"]["mean_ms"], rel=0.05)


def test_the_document_says_what_was_measured_and_where(profile):
    _, document, _ = profile
    assert document["schema"] == "hone.profile/1"
    assert "profile" in document["command"] and document["hone"]
    assert document["machine"]["cores"] >= 1 and document["machine"]["cpu_features"]
    peaks = {peak["element"]: peak for peak in document["machine"]["roofline"]["peaks"]}
    assert peaks["f32"]["one_core"] > 1e9 and peaks["int8"]["one_core"] > 1e9
    assert 0 < document["ceiling"]["share_of_peak"] < 1.1
    assert document["ceiling"]["operators"][0]["operator"] == "MatMul"
    # 6 layers of width 384 over 128 tokens: 2 operations per weight and token, and attention.
    dense = 2 * 128 * 6 * (4 * 384 * 384 + 2 * 384 * 1536)
    attention = 2 * 2 * 128 * 128 * 384 * 6
    assert document["ceiling"]["operations"] == pytest.approx(dense + attention, rel=0.01)
    assert [point["rows"] for point in document["batches"]["points"]][:2] == [1, 2]
    assert document["shorter"]["shorter_lengths"] == [64]


def test_the_text_has_a_verdict(profile):
    text, document, _ = profile
    for title in ("Where a request's time goes", "Compute by operator", "Verdict"):
        assert title in text
    assert document["verdict"] and all(line in text for line in document["verdict"])


class Page(html.parser.HTMLParser):
    """What a page refers to and which elements it leaves open."""

    VOID = {"meta", "rect", "circle", "path"}

    def __init__(self):
        super().__init__()
        self.references, self.open, self.pictures = [], [], 0

    def handle_starttag(self, tag, attributes):
        self.references += [value for name, value in attributes if name in ("src", "href", "xlink:href")]
        self.pictures += tag == "svg"
        if tag not in self.VOID or tag in ("rect", "circle"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.references += [value for name, value in attributes if name in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_stands_alone(profile):
    _, _, text = profile
    page = Page()
    page.feed(text)
    page.close()
    assert page.references == [] and page.open == [] and page.pictures == 5
    for foreign in ("http:", "https:", "@import", "url(", "<script"):
        assert foreign not in text


@pytest.mark.parametrize(
    "arguments, named",
    [
        (["/nonexistent.onnx"], "/nonexistent.onnx"),
        (["{minilm}", "--shape", "ids"], "give NAME:DIMS"),
        (["{minilm}", "--shape", "ids:1,8"], "it has input_ids, attention_mask"),
        (["{minilm}", "--inputs", "/nonexistent.json"], "/nonexistent.json"),
        (["{minilm}", "--seconds", "0"], "from 0.5 to 3600"),
    ],
)
def test_wrong_usage_is_named(models, arguments, named):
    arguments = [argument.format(minilm=models / "minilm") for argument in arguments]
    command = [hone_server.binary(), "profile", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode != 0 and named in run.stderr, run.stderr
