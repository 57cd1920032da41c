//! Whatever is sent as a grammar: an error or a matcher whose tokens it takes, never a panic or an end of the process.

use std::sync::LazyLock;

use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_oneof, proptest};
use serde_json::{Map, Value, json};

use super::{END, GrammarError, GrammarFactory, GrammarLimits, GrammarSource, TOKENS, factory};

/// Goes along while it works.
fn follow(source: &GrammarSource, seed: u64) -> Result<(), GrammarError> {
    static FACTORY: LazyLock<GrammarFactory> = LazyLock::new(|| factory(GrammarLimits::default()));
    let mut matcher = FACTORY.compile(source)?.matcher();
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..20 {
        let mask = matcher.mask()?;
        let allowed: Vec<u32> = (0..TOKENS).filter(|token| mask.allows(*token)).collect();
        assert!(!allowed.is_empty(), "a mask without a token");
        let token = allowed[random.usize(..allowed.len())];
        // A grammar may name the end itself, so it need not be one here.
        if token == END {
            break;
        }
        matcher.advance(token).expect("the mask allowed it");
        if matcher.is_finished() {
            break;
        }
    }
    Ok(())
}

fn scalar() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "object",
        "array",
        "string",
        "integer",
        "number",
        "boolean",
        "null",
        "a",
        "date",
        "uuid",
        "email",
        "^a+$",
        "(a|b){2,5}",
        "((",
        "#",
        "#/$defs/a",
        "#/properties/a",
        "",
    ]);
    let number = prop::sample::select(vec![
        0.0, -1.0, 1.0, 2.0, 7.0, 0.1, 0.05, 1e-7, -3.5, 100.0, 1e6, 1e18, 1e300, -1e19,
    ]);
    prop_oneof![
        3 => word.prop_map(Value::from),
        3 => (-3_i64..20).prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        2 => number.prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ]
}

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "type",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "prefixItems",
        "minItems",
        "maxItems",
        "enum",
        "const",
        "anyOf",
        "oneOf",
        "allOf",
        "$ref",
        "$defs",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "multipleOf",
        "minLength",
        "maxLength",
        "pattern",
        "format",
        "patternProperties",
        "not",
        "if",
        "a",
        "b",
        "x-guidance",
        "$id",
        "$schema",
        "minProperties",
    ])
    .prop_map(str::to_owned)
}

/// Words of JSON Schema with values that now and then make sense.
fn schema() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            3 => prop::collection::vec((word(), inner.clone()), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            1 => inner.clone().prop_map(|inner| json!({"type": "array", "items": inner})),
            1 => (inner.clone(), inner.clone()).prop_map(
                |(a, b)| json!({"type": "object", "properties": {"a": a, "b": b}, "required": ["a"]})
            ),
            1 => (inner.clone(), inner).prop_map(|(a, b)| json!({"anyOf": [a, b]})),
        ]
    })
}

fn lark() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "start",
        ": ",
        "\n",
        "a",
        "B",
        "\"x\"",
        "/[a-z]+/",
        "/a*/",
        "|",
        " ",
        "(",
        ")",
        "*",
        "+",
        "?",
        "{2,5}",
        "{1000}",
        "~",
        "&",
        "%ignore /\\s+/\n",
        "%json {\"type\": \"integer\"}",
        "[capture=\"c\"]",
        "<|end|>",
        "<[256]>",
        "start: ",
        "a: ",
        "B: ",
        "\"",
        "/",
        "\u{e9}",
        "-> c",
        "%lark {",
        "}",
        "%regex",
        "[max_tokens=3]",
    ]);
    prop::collection::vec(piece, 0..25).prop_map(|pieces| format!("start: {}", pieces.concat()))
}

fn regex() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "b",
        "[a-c]",
        "[^a]",
        ".",
        "\\d",
        "\\w",
        "\\p{L}",
        "(",
        ")",
        "(?:",
        "(?i)",
        "|",
        "*",
        "+",
        "?",
        "{0,3}",
        "{50}",
        "{2,}",
        "^",
        "$",
        "\\b",
        "\\",
        "/",
        "\n",
        "\u{e9}",
        "[",
        "]",
        "{",
        "\\x00",
        "\\u{10ffff}",
    ]);
    prop::collection::vec(piece, 0..15).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn schemas_do_no_harm(schema in schema(), seed in any::<u64>()) {
        check(&GrammarSource::JsonSchema(schema), seed)?;
    }

    #[test]
    fn lark_does_no_harm(grammar in lark(), seed in any::<u64>()) {
        check(&GrammarSource::Lark(grammar), seed)?;
    }

    #[test]
    fn expressions_do_no_harm(regex in regex(), seed in any::<u64>()) {
        check(&GrammarSource::Regex(regex), seed)?;
    }

    #[test]
    fn choices_do_no_harm(choices in prop::collection::vec(any::<String>(), 0..5), seed in any::<u64>()) {
        check(&GrammarSource::Choice(choices), seed)?;
    }
}

fn check(source: &GrammarSource, seed: u64) -> Result<(), proptest::test_runner::TestCaseError> {
    let followed = follow(source, seed);
    prop_assert!(followed != Err(GrammarError::Busy), "a compilation never ended");
    Ok(())
}
