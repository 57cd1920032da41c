use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use super::{ChatError, ChatPrompt, ChatTemplate, ToolFormat, date};
use crate::tokenizer::SpecialTexts;

/// Templates in the manner of well-known models, and what `transformers` makes of them.
const GOLDEN: &str = include_str!("../../tests/golden/chat.json");

fn template(source: &str) -> ChatTemplate {
    let special = SpecialTexts {
        bos: Some("<s>".to_owned()),
        eos: Some("</s>".to_owned()),
        ..SpecialTexts::default()
    };
    ChatTemplate::new(source, special).unwrap()
}

fn prompt(messages: Value) -> ChatPrompt {
    ChatPrompt {
        messages,
        tools: None,
        documents: None,
        add_generation_prompt: true,
        continue_final_message: false,
        extra: Map::new(),
        now: SystemTime::UNIX_EPOCH,
    }
}

fn prompt_of_case(case: &Value) -> ChatPrompt {
    let known = ["template", "messages", "expected", "refused", "tools"];
    let known = [&known[..], &["add_generation_prompt", "continue_final_message"]].concat();
    let extra = case.as_object().unwrap().iter();
    let extra = extra.filter(|(key, _)| !known.contains(&key.as_str()));
    ChatPrompt {
        tools: case.get("tools").cloned(),
        add_generation_prompt: case["add_generation_prompt"] == true,
        continue_final_message: case.get("continue_final_message") == Some(&json!(true)),
        extra: extra.map(|(key, value)| (key.clone(), value.clone())).collect(),
        ..prompt(case["messages"].clone())
    }
}

#[test]
fn prompts_are_those_of_transformers() {
    let cases: Vec<Value> = serde_json::from_str(GOLDEN).unwrap();
    for case in &cases {
        let rendered = template(case["template"].as_str().unwrap()).render(&prompt_of_case(case));
        match (case.get("expected"), rendered) {
            (Some(expected), Ok(text)) => assert_eq!(text, expected.as_str().unwrap()),
            (None, Err(ChatError::Refused { message })) => {
                assert_eq!(message, case["refused"].as_str().unwrap());
            }
            (_, other) => panic!("{other:?} for {case}"),
        }
    }
}

fn hi() -> Value {
    json!([{ "role": "user", "content": "hi" }])
}

#[track_caller]
fn check_error(source: &str, messages: Value, expected: &str) {
    let special = SpecialTexts::default();
    let rendered =
        ChatTemplate::new(source, special).and_then(|template| template.render(&prompt(messages)));
    let error = rendered.expect_err("it cannot be rendered").to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn faults_are_told() {
    check_error("{% if %}", hi(), "(line 1)");
    check_error("\n{{ messages[0].x.y }}", hi(), "(line 2)");
    check_error("{{ nothing() }}", hi(), "nothing");
    check_error("{{ raise_exception('no system') }}", hi(), "refuses the messages: no system");
    check_error("{{ 1 | tojson(unknown=1) }}", hi(), "unknown");
    check_error("x", json!("hi"), "the messages are no array");
    check_error("x", json!([1]), "message 0 is no object");
    let image = json!([{ "role": "user", "content": [{ "type": "image_url" }] }]);
    check_error("{{ messages[0].content }}", image, "a part of type `image_url`");
    check_error(&"x".repeat(2 << 20), hi(), "above the limit");
}

#[test]
fn hostile_templates_end() {
    let limit = "does too much work";
    check_error(
        "{% for i in range(90000) %}{% for j in range(90000) %}x{% endfor %}{% endfor %}",
        hi(),
        limit,
    );
    check_error(
        "{% set ns = namespace(x='xx') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        hi(),
        limit,
    );
    check_error("{{ 'x' * 1000000000 }}", hi(), limit);
    let endless = "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}";
    check_error(endless, hi(), "recursion");
}

#[test]
fn long_conversations_are_not_hostile() {
    let message = json!({ "role": "user", "content": "word ".repeat(50) });
    let messages = Value::Array(vec![message; 20_000]);
    let source = "{% for m in messages %}{{ m.role + ': ' + m.content }}\n{% endfor %}";
    let text = template(source).render(&prompt(messages)).unwrap();
    assert_eq!(text.len(), 20_000 * 257);
}

#[test]
fn parts_become_text_where_the_template_wants_text() {
    let parts = json!([{ "role": "user", "content": [
        { "type": "text", "text": "one" }, "two",
    ] }]);
    let plain = template("{{ messages[0].content }}").render(&prompt(parts.clone())).unwrap();
    assert_eq!(plain, "one\ntwo");
    let aware = "{% for p in messages[0].content %}{% if p['type'] == 'text' %}{{ p.text }}{% endif %}{% endfor %}";
    assert_eq!(template(aware).render(&prompt(parts)).unwrap(), "one");
}

#[test]
fn only_what_comes_out_can_be_continued() {
    let continued = |source| {
        let prompt = ChatPrompt { continue_final_message: true, ..prompt(hi()) };
        template(source).render(&prompt)
    };
    assert_eq!(continued("<{{ messages[0].content }}>").unwrap(), "<hi");
    assert!(matches!(continued("nothing"), Err(ChatError::NotContinuable)));
    let empty = ChatPrompt { continue_final_message: true, ..prompt(json!([])) };
    assert!(matches!(template("x").render(&empty), Err(ChatError::Messages { .. })));
}

#[test]
fn a_client_cannot_replace_what_the_template_is_given() {
    let extra = json!({ "messages": [], "x": 1 }).as_object().unwrap().clone();
    let prompt = ChatPrompt { extra, ..prompt(hi()) };
    assert_eq!(template("{{ messages|length }}{{ x }}").render(&prompt).unwrap(), "11");
}

#[test]
fn tools_are_called_in_the_way_of_the_template() {
    for (source, expected) in [
        ("answer with <tool_call>", ToolFormat::Hermes),
        ("[TOOL_CALLS]", ToolFormat::Mistral),
        ("<|python_tag|>", ToolFormat::Llama3),
        ("{{ messages[0].content }}", ToolFormat::None),
    ] {
        assert_eq!(template(source).tool_format(), expected, "{source}");
    }
}

#[test]
fn dates_are_those_of_the_calendar() {
    for (format, seconds, expected) in [
        ("%Y-%m-%d", 0, "1970-01-01"),
        ("%d %b %Y", 1_709_164_800, "29 Feb 2024"),
        ("%A, %B %-d, %Y %H:%M:%S", 1_767_225_599, "Wednesday, December 31, 2025 23:59:59"),
        ("%a %e %y %I %p %% %q", 1_795_478_400, "Tue 24 26 12 AM % %q"),
    ] {
        assert_eq!(date::strftime(format, seconds), expected);
    }
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_709_164_800);
    let prompt = ChatPrompt { now, ..prompt(hi()) };
    let text = template("{{ strftime_now('%d %B %Y') }}").render(&prompt).unwrap();
    assert_eq!(text, "29 February 2024");
}
