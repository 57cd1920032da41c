"""Around the completions: models, tokens, embeddings, Responses, Messages, generate, keys."""

import base64
import json
import math
import struct

import anthropic
import openai
import pytest

MODEL = "smollm2"


def test_models(openai_client):
    assert [model.id for model in openai_client.models.list()] == [MODEL]
    model = openai_client.models.retrieve(MODEL)
    assert (model.id, model.object) == (MODEL, "model")
    with pytest.raises(openai.NotFoundError):
        openai_client.models.retrieve("ghost")


def test_tokens_and_back(language_server):
    body = {"model": MODEL, "prompt": "Grüße, world!", "return_token_strs": True}
    answer = language_server.post("/tokenize", body).json()
    assert answer["count"] == len(answer["tokens"]) == len(answer["token_strs"])
    back = language_server.post("/detokenize", {"model": MODEL, "tokens": answer["tokens"]}).json()
    assert back["prompt"].endswith("Grüße, world!")
    chat = {"messages": [{"role": "user", "content": "Hi"}]}
    tokens = language_server.post("/tokenize", chat).json()["tokens"]
    text = language_server.post("/detokenize", {"tokens": tokens}).json()["prompt"]
    assert text.endswith("<|im_start|>assistant\n")


def test_embeddings(openai_client, language_server):
    texts = ["A cat sleeps.", "A kitten naps.", "Stock markets fell sharply on Monday."]
    answer = openai_client.embeddings.create(model=MODEL, input=texts)
    vectors = [one.embedding for one in answer.data]
    assert [one.index for one in answer.data] == [0, 1, 2]
    for vector in vectors:
        assert math.isclose(sum(number * number for number in vector), 1, rel_tol=1e-3)

    def alike(left, right):
        return sum(a * b for a, b in zip(vectors[left], vectors[right], strict=True))

    assert alike(0, 1) > alike(0, 2)
    assert answer.usage.prompt_tokens > 6
    plain = {"model": MODEL, "input": texts[0], "encoding_format": "float"}
    plain = language_server.post("/v1/embeddings", plain).json()["data"][0]["embedding"]
    coded = {"model": MODEL, "input": texts[0], "encoding_format": "base64"}
    coded = language_server.post("/v1/embeddings", coded).json()["data"][0]["embedding"]
    coded = base64.b64decode(coded)
    coded = struct.unpack(f"<{len(coded) // 4}f", coded)
    assert all(math.isclose(a, b, abs_tol=1e-3) for a, b in zip(plain, coded, strict=True))
    with pytest.raises(openai.BadRequestError) as caught:
        openai_client.embeddings.create(model=MODEL, input="a", dimensions=7)
    assert caught.value.param == "dimensions"


def test_responses(openai_client):
    options = {"model": MODEL, "temperature": 0, "max_output_tokens": 24}
    answer = openai_client.responses.create(input="Tell me about the sea.", **options)
    assert len(answer.output_text.split()) > 5
    assert answer.usage.output_tokens > 0
    events = list(
        openai_client.responses.create(
            input="Tell me about the sea.", stream=True, **options
        )
    )
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == answer.output_text
    assert events[0].type == "response.created"
    assert events[-1].type in ("response.completed", "response.incomplete")
    assert events[-1].response.output_text == answer.output_text
    tool = {
        "type": "function",
        "name": "now",
        "description": "Tells the time.",
        "parameters": {
            "type": "object",
            "properties": {"zone": {"enum": ["UTC", "CET"]}},
            "required": ["zone"],
            "additionalProperties": False,
        },
    }
    called = openai_client.responses.create(
        model=MODEL,
        input="What time is it?",
        tools=[tool],
        tool_choice="required",
        max_output_tokens=100,
    )
    call = called.output[0]
    assert (call.type, call.name) == ("function_call", "now")
    assert json.loads(call.arguments)["zone"] in ("UTC", "CET")
    with pytest.raises(openai.BadRequestError) as caught:
        openai_client.responses.create(input="a", previous_response_id="resp_1", **options)
    assert caught.value.param == "previous_response_id"


@pytest.fixture
def anthropic_client(language_server):
    return anthropic.Anthropic(
        base_url=f"http://{language_server.http_url}", api_key="none", max_retries=0
    )


def test_messages(anthropic_client):
    asked = {
        "model": MODEL,
        "max_tokens": 24,
        "system": "Be kind.",
        "messages": [{"role": "user", "content": "Tell me about the sea."}],
        # The client has no arguments for these any more; the API has.
        "extra_body": {"temperature": 0},
    }
    answer = anthropic_client.messages.create(**asked)
    assert len(answer.content[0].text.split()) > 5
    assert answer.stop_reason in ("end_turn", "max_tokens")
    with anthropic_client.messages.stream(**asked) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == answer.content[0].text == final.content[0].text
    assert final.usage.output_tokens == answer.usage.output_tokens
    count = {name: asked[name] for name in ("model", "system", "messages")}
    count = anthropic_client.messages.count_tokens(**count).input_tokens
    usage = answer.usage
    assert count == usage.input_tokens + usage.cache_read_input_tokens
    tool = {
        "name": "now",
        "description": "Tells the time.",
        "input_schema": {
            "type": "object",
            "properties": {"zone": {"enum": ["UTC", "CET"]}},
            "required": ["zone"],
            "additionalProperties": False,
        },
    }
    called = anthropic_client.messages.create(
        **{**asked, "max_tokens": 100}, tools=[tool], tool_choice={"type": "tool", "name": "now"}
    )
    assert called.stop_reason == "tool_use"
    assert called.content[-1].input["zone"] in ("UTC", "CET")
    with pytest.raises(anthropic.BadRequestError, match="top_p"):
        anthropic_client.messages.create(**{**asked, "extra_body": {"top_p": 7}})


def test_generate(language_server):
    body = {
        "text_input": "The capital of France is",
        "parameters": {"max_tokens": 4, "temperature": 0},
    }
    answer = language_server.post(f"/v2/models/{MODEL}/generate", body).json()
    assert (answer["model_name"], answer["model_version"]) == (MODEL, "1")
    assert "Paris" in answer["text_output"]
    stream = language_server.post(f"/v2/models/{MODEL}/generate_stream", body)
    assert stream.headers["content-type"].startswith("text/event-stream")
    lines = [line for line in stream.body.decode().splitlines() if line]
    texts = [json.loads(line.removeprefix("data: "))["text_output"] for line in lines]
    assert "".join(texts) == answer["text_output"]


def test_keys(start, models, tmp_path):
    keys = tmp_path / "keys.toml"
    keys.write_text('[[key]]\nkey = "sk-of-anna"\nname = "anna"\nweight = 2\n')
    server = start(models / "smollm2", "--api-key", "sk-plain-1", "--api-keys-file", keys)

    def ask(key):
        client = openai.OpenAI(base_url=f"http://{server.http_url}/v1", api_key=key, max_retries=0)
        return client.completions.create(model=MODEL, prompt="a", max_tokens=1)

    assert ask("sk-of-anna").choices and ask("sk-plain-1").choices
    with pytest.raises(openai.AuthenticationError) as caught:
        ask("sk-of-nobody")
    assert caught.value.code == "invalid_api_key"
    assert server.get("/v2/models/smollm2").status == 200
    assert server.get("/v1/models").status == 401
    assert server.get("/v1/models", headers={"x-api-key": "sk-of-anna"}).status == 200
    assert "sk-" not in server.log.read_text()
