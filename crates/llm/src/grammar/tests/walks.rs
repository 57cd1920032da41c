//! Answers of a model that knows nothing but its mask.

use serde_json::{Value, json};

use super::{
    END, GrammarLimits, GrammarMatcher, GrammarSource, TOKENS, factory, validity::fits, vocabulary,
};
use crate::{Grammar, Vocabulary};

const WALKS: u64 = 5;

fn schemas() -> Vec<Value> {
    vec![
        json!({"type": "object", "properties": {"name": {"type": "string", "maxLength": 8},
            "age": {"type": "integer", "minimum": 0, "maximum": 150}}, "required": ["name", "age"],
            "additionalProperties": false}),
        json!({"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {"type": "object",
            "properties": {"c": {"type": "boolean"}}, "required": ["c"], "additionalProperties": false}},
            "required": ["b"], "additionalProperties": false}}, "required": ["a"], "additionalProperties": false}),
        json!({"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 4}),
        json!({"type": "array", "prefixItems": [{"type": "string", "maxLength": 3}, {"type": "boolean"}],
            "items": false, "minItems": 2}),
        json!({"enum": ["red", "green", 7, null, {"x": [1]}]}),
        json!({"const": {"fixed": "\u{e9} \"quoted\""}}),
        json!({"type": "integer", "minimum": -17, "exclusiveMaximum": 4}),
        json!({"type": "number", "minimum": -1.5, "maximum": 2.25}),
        json!({"type": "integer", "multipleOf": 7, "minimum": 0, "maximum": 100}),
        json!({"type": "string", "pattern": "^[A-Z]{2}-[0-9]{3}$"}),
        json!({"type": "string", "minLength": 2, "maxLength": 5}),
        json!({"anyOf": [{"type": "string", "maxLength": 4}, {"type": "integer"}, {"type": "null"}]}),
        json!({"oneOf": [{"type": "object", "properties": {"kind": {"const": "a"}, "x": {"type": "integer"}},
            "required": ["kind", "x"], "additionalProperties": false}, {"type": "object", "properties":
            {"kind": {"const": "b"}, "y": {"type": "boolean"}}, "required": ["kind", "y"],
            "additionalProperties": false}]}),
        json!({"$defs": {"leaf": {"type": "array", "items": {"type": "boolean"}, "maxItems": 2}},
            "type": "object", "properties": {"one": {"$ref": "#/$defs/leaf"}, "two": {"$ref": "#/$defs/leaf"}},
            "required": ["one", "two"], "additionalProperties": false}),
        json!({"$defs": {"node": {"type": "object", "properties": {"value": {"type": "integer", "minimum": 0, "maximum": 9},
            "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}, "required": ["value", "next"],
            "additionalProperties": false}}, "$ref": "#/$defs/node"}),
        json!({"type": "string", "format": "date"}),
        json!({"type": "string", "format": "date-time"}),
        json!({"type": "string", "format": "uuid"}),
        json!({"type": "string", "format": "ipv4"}),
        json!({"type": "string", "format": "time"}),
        json!({"allOf": [{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {"properties": {"b": {"type": "boolean"}}, "required": ["b"]}]}),
        json!({"type": "object", "additionalProperties": {"type": "boolean"}}),
        json!({"type": ["boolean", "null"]}),
        json!({"type": "object", "properties": {"tags": {"type": "array", "items": {"enum": ["x", "y"]}, "minItems": 1,
            "maxItems": 3}, "score": {"type": "number", "minimum": 0, "maximum": 1}}, "required": ["tags"],
            "additionalProperties": false}),
        json!({"type": "object"}),
    ]
}

/// One answer: any allowed token is as good as another, but for white space and, after a while, what goes on.
fn walk(matcher: &mut GrammarMatcher, random: &mut fastrand::Rng) -> String {
    let vocabulary = vocabulary();
    let mut text = Vec::new();
    for step in 0..3000 {
        let mask = matcher.mask().unwrap();
        let allowed: Vec<u32> = (0..TOKENS).filter(|token| mask.allows(*token)).collect();
        let closing: Vec<u32> = allowed.iter().copied().filter(|token| closes(*token)).collect();
        let choices = if step > 60 && !closing.is_empty() { closing } else { allowed };
        let token = choices[random.usize(..choices.len())];
        matcher.advance(token).unwrap();
        if token != END {
            text.extend_from_slice(vocabulary.token_bytes(token));
        }
        if token == END || matcher.is_finished() {
            return String::from_utf8(text).unwrap();
        }
    }
    panic!("no end: {}", String::from_utf8_lossy(&text));
}

fn closes(token: u32) -> bool {
    token == END || [b'"', b'}', b']', b':'].map(u32::from).contains(&token)
}

fn walk_all(schema: &Value, grammar: &Grammar) {
    for seed in 0..WALKS {
        let text = walk(&mut grammar.matcher(), &mut fastrand::Rng::with_seed(seed));
        let value: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert!(fits(&value, schema), "{text} does not fit {schema}");
    }
}

#[test]
fn every_answer_fits_its_schema() {
    let factory = factory(GrammarLimits::default());
    for schema in schemas() {
        let grammar = factory.compile(&GrammarSource::JsonSchema(schema.clone())).unwrap();
        walk_all(&schema, &grammar);
    }
}

#[test]
fn every_answer_in_json_mode_is_an_object() {
    let grammar = factory(GrammarLimits::default()).compile(&GrammarSource::JsonObject).unwrap();
    for seed in 0..100 {
        let text = walk(&mut grammar.matcher(), &mut fastrand::Rng::with_seed(seed));
        assert!(serde_json::from_str::<Value>(&text).unwrap().is_object(), "{text}");
    }
}

#[test]
fn what_fits_a_schema_is_known() {
    assert!(fits(&json!({"a": 1}), &json!({"required": ["a"]})));
    assert!(!fits(&json!({}), &json!({"required": ["a"]})));
    assert!(!fits(&json!(5), &json!({"maximum": 4})));
    assert!(!fits(&json!("ab-123"), &json!({"pattern": "^[A-Z]{2}-[0-9]{3}$"})));
    assert!(!fits(&json!([1, 2]), &json!({"prefixItems": [{}], "items": false})));
    assert!(!fits(&json!("2024-13-01"), &json!({"format": "date"})));
}
