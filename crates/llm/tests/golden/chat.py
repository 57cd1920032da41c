"""Writes chat.json: what `transformers` makes of templates in the manner of well-known models.

    python chat.py > chat.json        (needs transformers and jinja2)
"""

import json
import sys

from transformers.utils.chat_template_utils import render_jinja_template

CHATML = """{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}\
{{ '<|im_start|>system\nBe kind.<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + \
message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}\
{{ '<|im_start|>assistant\n' }}{% endif %}"""

QWEN = """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}
        {{- messages[0].content + '\\n\\n' }}
    {%- endif %}
    {{- "# Tools\\n\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools>\\n\\nAnswer with <tool_call>\\n{\\"name\\": <name>}\\n</tool_call><|im_end|>\\n" }}
{%- elif messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}
        {%- set content = message.content %}
    {%- else %}
        {%- set content = '' %}
    {%- endif %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set reasoning_content = '' %}
        {%- if '</think>' in content %}
            {%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.last_query_index and reasoning_content %}
            {{- '<|im_start|>' + message.role + '\\n<think>\\n' + reasoning_content.strip('\\n') + '\\n</think>\\n\\n' + content }}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\\n' + content }}
        {%- endif %}
        {%- if message.tool_calls %}
            {%- for tool_call in message.tool_calls %}
                {%- if (loop.first and content) or (not loop.first) %}
                    {{- '\\n' }}
                {%- endif %}
                {%- if tool_call.function %}
                    {%- set tool_call = tool_call.function %}
                {%- endif %}
                {{- '<tool_call>\\n{"name": "' }}
                {{- tool_call.name }}
                {{- '", "arguments": ' }}
                {%- if tool_call.arguments is string %}
                    {{- tool_call.arguments }}
                {%- else %}
                    {{- tool_call.arguments | tojson }}
                {%- endif %}
                {{- '}\\n</tool_call>' }}
            {%- endfor %}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if loop.first or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' + content + '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}"""

LLAMA3 = """{{- bos_token }}
{%- if not date_string is defined %}
    {%- set date_string = "26 Jul 2024" %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if tools is not none %}
    {{- "Environment: ipython\\n" }}
{%- endif %}
{{- "Today Date: " + date_string + "\\n\\n" }}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}
            {{- raise_exception("This model only supports single tool-calls at once!") }}
        {%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}
        {{- '{"name": "' + tool_call.name + '", ' }}
        {{- '"parameters": ' }}
        {{- tool_call.arguments | tojson(indent=4) }}
        {{- "}" }}
        {{- "<|eot_id|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}"""

MISTRAL = """{{ bos_token }}{% if tools %}[AVAILABLE_TOOLS] {{ tools | map(attribute='function') | list | tojson }}[/AVAILABLE_TOOLS]{% endif %}
{% for message in messages %}
    {% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Roles must alternate: ' + message.role) }}
    {% endif %}
    {% if message.role == 'user' %}
{{ '[INST] ' + message.content + ' [/INST]' }}
    {%- elif message.tool_calls is defined %}
{{ '[TOOL_CALLS] ' }}{% for call in message.tool_calls %}{{ call.function|tojson }}{% if not loop.last %}, {% endif %}{% endfor %}{{ eos_token }}
    {%- else %}
{% generation %}{{ ' ' + message.content + eos_token }}{% endgeneration %}
    {%- endif %}
{% endfor %}"""

GEMMA = """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- if messages[0]['content'] is string -%}
        {%- set first_user_prefix = messages[0]['content'] + '\\n\\n' -%}
    {%- else -%}
        {%- set first_user_prefix = messages[0]['content'][0]['text'] + '\\n\\n' -%}
    {%- endif -%}
    {%- set loop_messages = messages[1:] -%}
{%- else -%}
    {%- set first_user_prefix = "" -%}
    {%- set loop_messages = messages -%}
{%- endif -%}
{%- for message in loop_messages -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception("Conversation roles must alternate user/assistant/user/assistant/...") }}
    {%- endif -%}
    {%- if (message['role'] == 'assistant') -%}
        {%- set role = "model" -%}
    {%- else -%}
        {%- set role = message['role'] -%}
    {%- endif -%}
    {{ '<start_of_turn>' + role + '\\n' + (first_user_prefix if loop.first else "") }}
    {%- if message['content'] is string -%}
        {{ message['content'] | trim }}
    {%- elif message['content'] is iterable -%}
        {%- for item in message['content'] -%}
            {%- if item['type'] == 'image' -%}
                {{ '<start_of_image>' }}
            {%- elif item['type'] == 'text' -%}
                {{ item['text'] | trim }}
            {%- endif -%}
        {%- endfor -%}
    {%- else -%}
        {{ raise_exception("Invalid content type") }}
    {%- endif -%}
    {{ '<end_of_turn>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{'<start_of_turn>model\\n'}}
{%- endif -%}
"""

PYTHON = """{%- macro field(name, value='?') -%}{{ name|upper }}={{ value }};{%- endmacro -%}
{% for message in messages if message.role != 'system' %}
{{ loop.index }}/{{ loop.length }} {{ field('role', message.get('role')) }}{{ field('x') }}
{{ message.content.replace('a', 'o').upper().split() | join('+') }} {{ message.items() | list | length }}
  {% if loop.index0 == 1 %}{% break %}{% endif %}
{% endfor %}
{{ [3, 1, 2]|sort|join(',') }} {{ {'b': 1, 'a': [true, none, 1.5, "ü<&'"]}|tojson }} {{ 7 // 2 }} {{ 7 / 2 }} {{ '%s-%d' | format('v', 3) }}
{{ {'b': [1, {}], 'a': []}|tojson(indent=2) }} {{ 'ü😀'|tojson(ensure_ascii=true) }} {{ {'b': 1, 'a': 2}|tojson(separators=(',', ':'), sort_keys=true) }}
{{ (messages | selectattr('role', 'equalto', 'user') | list)[-1].content[:3] }} {{ undefined_thing }}|{{ 'yes' if true and not false else 'no' }}
{#- comment -#}
   {{ 'x' ~ 1 ~ none }}"""

TOOLS = [{
    "type": "function",
    "function": {
        "name": "weather", "description": "Weather <now> & \"here\"",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}]
CALL = {"role": "assistant", "content": "", "tool_calls": [
    {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": {"city": "Zürich", "n": 1.0}}}]}
SYSTEM = {"role": "system", "content": " Be short. "}
HI = {"role": "user", "content": " Hi, a <b>Zoë</b>! "}
HELLO = {"role": "assistant", "content": "Hello."}
RESULT = {"role": "tool", "content": "{\"t\": 3}"}
PARTS = {"role": "user", "content": [{"type": "text", "text": " one "}, {"type": "text", "text": "two"}]}

CASES = [
    (CHATML, [HI], {}),
    (CHATML, [SYSTEM, HI, HELLO], {"add_generation_prompt": False}),
    (QWEN, [SYSTEM, HI], {}),
    (QWEN, [HI], {"tools": TOOLS, "enable_thinking": False}),
    (QWEN, [HI, CALL, RESULT, RESULT], {"tools": TOOLS}),
    (QWEN, [HI, {"role": "assistant", "content": "<think>\nhm\n</think>\n\nYes"}, HI], {}),
    (QWEN, [HI, {"role": "assistant", "content": "<think>\nhm\n</think>\n\nYes"}], {"add_generation_prompt": False}),
    (LLAMA3, [SYSTEM, HI], {}),
    (LLAMA3, [HI, CALL], {"tools": TOOLS, "date_string": "1 Jan 2026"}),
    (LLAMA3, [HI, {**CALL, "tool_calls": CALL["tool_calls"] * 2}], {}),
    (MISTRAL, [HI, HELLO, HI], {}),
    (MISTRAL, [HI, CALL], {"tools": TOOLS}),
    (MISTRAL, [HELLO], {}),
    (GEMMA, [SYSTEM, HI, HELLO, HI], {}),
    (GEMMA, [PARTS], {}),
    (GEMMA, [HI, HI], {}),
    (PYTHON, [SYSTEM, HI, HELLO, HI], {}),
    (CHATML, [HI, HELLO], {"add_generation_prompt": False, "continue_final_message": True}),
]


def case(template, messages, options):
    options = {"add_generation_prompt": True, **options}
    given = {"template": template, "messages": messages, **options}
    try:
        prompts, _ = render_jinja_template(
            [messages], chat_template=template, bos_token="<s>", eos_token="</s>", **options)
        return {**given, "expected": prompts[0]}
    except Exception as error:  # raise_exception of the template
        return {**given, "refused": str(error)}


json.dump([case(*one) for one in CASES], sys.stdout, indent=1, ensure_ascii=False)
