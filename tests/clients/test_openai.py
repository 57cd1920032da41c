"""Chat Completions and Completions through the real `openai` client, against SmolLM2."""

import concurrent.futures
import json

import openai
import pytest

MODEL = "smollm2"
ASK = [{"role": "user", "content": "Tell me about the sea."}]


def chat(client, messages=ASK, **options):
    options = {"model": MODEL, "temperature": 0, "max_tokens": 24, **options}
    return client.chat.completions.create(messages=messages, **options)


def refused(status, param, call):
    """Checks that a call is refused for one of its fields."""
    with pytest.raises(openai.APIStatusError) as caught:
        call()
    assert caught.value.status_code == status, caught.value
    assert caught.value.param == param, caught.value
    return caught.value


def test_an_answer(openai_client):
    answer = chat(openai_client)
    assert len(answer.choices[0].message.content.split()) > 5
    assert answer.choices[0].finish_reason in ("stop", "length")
    usage = answer.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.completion_tokens > 0


def test_a_stream_says_the_same(openai_client):
    whole = chat(openai_client).choices[0].message.content
    chunks = list(chat(openai_client, stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].usage.completion_tokens > 0
    reasons = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
    assert reasons[-1] in ("stop", "length")
    assert not any(reasons[:-1])


def test_the_same_prompt_is_found_in_the_cache(openai_client):
    long = [{"role": "user", "content": "word " * 300}]
    chat(openai_client, long, max_tokens=1)
    again = chat(openai_client, long, max_tokens=1).usage
    assert again.prompt_tokens_details.cached_tokens > again.prompt_tokens // 2


def test_seeds_and_choices(openai_client):
    options = {"temperature": 1.2, "seed": 7, "n": 3, "max_tokens": 12}
    first, second = chat(openai_client, **options), chat(openai_client, **options)
    texts = [choice.message.content for choice in first.choices]
    assert texts == [choice.message.content for choice in second.choices]
    assert len(set(texts)) > 1
    assert [choice.index for choice in first.choices] == [0, 1, 2]


def test_stops(openai_client):
    count = [{"role": "user", "content": "Count from 1 to 9: 1, 2, 3,"}]
    full = chat(openai_client, count).choices[0].message.content
    mark = full[len(full) // 2 :][:3]
    stopped = chat(openai_client, count, stop=[mark]).choices[0]
    assert stopped.finish_reason == "stop"
    assert stopped.message.content == full[: full.index(mark)]
    kept = chat(openai_client, count, stop=mark, extra_body={"include_stop_str_in_output": True})
    assert kept.choices[0].message.content.endswith(mark)
    short = chat(openai_client, count, max_tokens=3).choices[0]
    assert short.finish_reason == "length"
    forced = chat(openai_client, max_tokens=40, extra_body={"ignore_eos": True})
    assert forced.usage.completion_tokens == 40


def test_probabilities(openai_client):
    choice = chat(openai_client, logprobs=True, top_logprobs=3, max_tokens=5).choices[0]
    content = choice.logprobs.content
    assert "".join(one.token for one in content) == choice.message.content
    for one in content:
        assert len(one.top_logprobs) == 3
        # Greedy: what came was the most probable.
        assert one.top_logprobs[0].token == one.token
        assert one.logprob <= 0


def test_what_is_wrong_is_named(openai_client):
    refused(400, "temperature", lambda: chat(openai_client, temperature=-1))
    refused(400, "top_p", lambda: chat(openai_client, top_p=2))
    refused(400, "magic", lambda: chat(openai_client, extra_body={"magic": 1}))
    refused(400, "messages[0].role", lambda: chat(openai_client, [{"role": "bear", "content": ""}]))
    missing = refused(404, "model", lambda: chat(openai_client, model="ghost"))
    assert missing.code == "model_not_found"
    long = [{"role": "user", "content": "word " * 20_000}]
    too_long = refused(400, "messages", lambda: chat(openai_client, long))
    assert too_long.code == "context_length_exceeded"
    refused(400, "max_tokens", lambda: chat(openai_client, max_tokens=1_000_000))


def test_a_bad_schema_is_refused_and_harms_nobody(openai_client):
    schema = {"type": "object", "properties": {"a": {"type": "mystery"}}}
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    refused(400, "response_format", lambda: chat(openai_client, response_format=form))
    assert chat(openai_client).choices


SCHEMA = {
    "type": "object",
    "properties": {
        "kind": {"enum": ["cat", "dog"]},
        "age": {"type": "integer", "minimum": 0, "maximum": 99},
        "tags": {"type": "array", "items": {"type": "boolean"}, "maxItems": 2},
    },
    "required": ["kind", "age", "tags"],
    "additionalProperties": False,
}


def fits(value):
    assert list(value) == ["kind", "age", "tags"]
    assert value["kind"] in ("cat", "dog")
    assert isinstance(value["age"], int) and 0 <= value["age"] <= 99
    assert len(value["tags"]) <= 2 and all(isinstance(tag, bool) for tag in value["tags"])


def test_a_hundred_of_a_hundred_answers_fit_their_schema(openai_client):
    form = {"type": "json_schema", "json_schema": {"name": "pet", "schema": SCHEMA}}
    pet = [{"role": "user", "content": "Describe a pet."}]

    def one(seed):
        # Room for the white space that models like to write.
        options = {"temperature": 0.7, "seed": seed, "max_tokens": 300}
        return chat(openai_client, pet, response_format=form, **options).choices[0]

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for choice in pool.map(one, range(100)):
            assert choice.finish_reason == "stop", choice
            fits(json.loads(choice.message.content))


def test_other_forms(openai_client):
    answer = chat(openai_client, response_format={"type": "json_object"}, max_tokens=200, seed=1)
    if answer.choices[0].finish_reason == "stop":
        assert isinstance(json.loads(answer.choices[0].message.content), dict)
    choice = chat(openai_client, extra_body={"guided_choice": ["Lyon", "Nice"]})
    assert choice.choices[0].message.content in ("Lyon", "Nice")
    regex = chat(openai_client, extra_body={"structured_outputs": {"regex": "[a-c]{3}-[0-9]{2}"}})
    left, right = regex.choices[0].message.content.split("-")
    assert set(left) <= set("abc") and len(left) == 3 and right.isdigit()


ADD = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds two numbers.",
        "parameters": {
            "type": "object",
            "properties": {
                "a": {"type": "integer", "minimum": 0, "maximum": 99},
                "b": {"type": "integer", "minimum": 0, "maximum": 99},
            },
            "required": ["a", "b"],
            "additionalProperties": False,
        },
    },
}
SUM = [{"role": "user", "content": "What is 2 plus 3? Use the function."}]


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "add"}}])
def test_functions_that_must_be_called(openai_client, choice):
    options = {"tools": [ADD], "tool_choice": choice, "max_tokens": 100}
    answer = chat(openai_client, SUM, **options).choices[0]
    assert answer.finish_reason == "tool_calls"
    call = answer.message.tool_calls[0]
    assert call.function.name == "add"
    assert set(json.loads(call.function.arguments)) == {"a", "b"}

    name, arguments = "", {}
    for chunk in chat(openai_client, SUM, stream=True, **options):
        for delta in chunk.choices[0].delta.tool_calls or []:
            name += delta.function.name or ""
            arguments[delta.index] = arguments.get(delta.index, "") + delta.function.arguments
    assert name.startswith("add")
    assert json.loads(arguments[0]) == json.loads(call.function.arguments)


def test_a_conversation_about_a_call_goes_on(openai_client):
    call = {"id": "call_1", "type": "function"}
    call["function"] = {"name": "add", "arguments": '{"a": 2, "b": 3}'}
    messages = [
        *SUM,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "5"},
    ]
    assert chat(openai_client, messages, tools=[ADD]).choices[0].message.content is not None
    assert chat(openai_client, SUM, tools=[ADD], tool_choice="none").choices[0].message.content


def test_completions(openai_client):
    complete = openai_client.completions.create
    one = complete(model=MODEL, prompt="The capital of France is", temperature=0, max_tokens=4)
    assert "Paris" in one.choices[0].text
    many = complete(model=MODEL, prompt=["A", "The sky is"], temperature=0, max_tokens=2, n=2)
    assert [choice.index for choice in many.choices] == [0, 1, 2, 3]
    assert many.choices[2].text == many.choices[3].text
    stream = complete(
        model=MODEL, prompt="The capital of France is", temperature=0, max_tokens=4, stream=True
    )
    assert "".join(chunk.choices[0].text for chunk in stream) == one.choices[0].text
    refused(400, "suffix", lambda: complete(model=MODEL, prompt="a", suffix="b"))


def test_prompts_are_scored(openai_client):
    def score(prompt):
        answer = openai_client.completions.create(
            model=MODEL, prompt=prompt, max_tokens=0, echo=True, logprobs=1
        )
        return answer.choices[0]

    choice = score("The capital of France is Paris")
    assert choice.text == "The capital of France is Paris"
    assert "".join(choice.logprobs.tokens).endswith("France is Paris")
    assert choice.logprobs.token_logprobs[0] is None
    assert all(logprob <= 0 for logprob in choice.logprobs.token_logprobs[1:])
    other = score("The capital of France is blue")
    assert choice.logprobs.token_logprobs[-1] > other.logprobs.token_logprobs[-1]


def test_many_at_once_get_what_each_alone_gets(openai_client):
    prompts = [f"{number} plus {number} is" for number in range(12)]

    def one(prompt):
        answer = openai_client.completions.create(
            model=MODEL, prompt=prompt, temperature=0, max_tokens=8
        )
        return answer.choices[0].finish_reason

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        assert set(pool.map(one, prompts)) <= {"stop", "length"}


def test_whoever_leaves_is_forgotten(openai_client, language_server):
    stream = chat(openai_client, stream=True, max_tokens=2000, extra_body={"ignore_eos": True})
    next(iter(stream))
    stream.close()
    running = "vllm:num_requests_running"

    def idle():
        lines = language_server.metrics().splitlines()
        lines = [line for line in lines if line.startswith(running)]
        return lines and all(float(line.split()[-1]) == 0 for line in lines)

    language_server.wait_until(idle, 10)
