//! Grammars that ask for more than there is: each is refused or works, in bounded time.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{END, GrammarError, GrammarLimits, GrammarSource, TOKENS, factory};

/// What becomes of a grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Works,
    Invalid,
    TooLarge,
    Busy,
    Stuck,
}

/// Compiles and goes fifty tokens along.
fn outcome(source: &GrammarSource) -> Outcome {
    let kind = |error| match error {
        GrammarError::Invalid { .. } => Outcome::Invalid,
        GrammarError::TooLarge { .. } => Outcome::TooLarge,
        GrammarError::Busy => Outcome::Busy,
        GrammarError::Stuck { .. } => Outcome::Stuck,
    };
    let mut matcher = match factory(GrammarLimits::default()).compile(source) {
        Ok(grammar) => grammar.matcher(),
        Err(error) => return kind(error),
    };
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..50 {
        let mask = match matcher.mask() {
            Ok(mask) => mask,
            Err(error) => return kind(error),
        };
        let allowed: Vec<u32> = (0..TOKENS).filter(|token| mask.allows(*token)).collect();
        let token = allowed[random.usize(..allowed.len())];
        if token == END || matcher.advance(token).is_err() || matcher.is_finished() {
            break;
        }
    }
    Outcome::Works
}

#[track_caller]
fn check(source: &GrammarSource, expected: Outcome) {
    assert_eq!(outcome(source), expected);
}

#[track_caller]
fn check_schema(schema: Value, expected: Outcome) {
    check(&GrammarSource::JsonSchema(schema), expected);
}

#[track_caller]
fn check_regex(regex: impl Into<String>, expected: Outcome) {
    check(&GrammarSource::Regex(regex.into()), expected);
}

#[track_caller]
fn check_lark(grammar: impl Into<String>, expected: Outcome) {
    check(&GrammarSource::Lark(grammar.into()), expected);
}

fn many(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("value {index:05}")).collect()
}

#[test]
fn long_lists() {
    check_schema(json!({"enum": many(5000)}), Outcome::Works);
    check_schema(json!({"enum": many(100_000)}), Outcome::TooLarge);
    check(&GrammarSource::Choice(many(5000)), Outcome::Works);
    check(&GrammarSource::Choice(many(100_000)), Outcome::TooLarge);
    check(&GrammarSource::Choice(Vec::new()), Outcome::Invalid);
    check(&GrammarSource::Choice(vec![String::new()]), Outcome::Invalid);
    let properties: HashMap<_, _> =
        many(300).into_iter().map(|name| (name, json!({"type": "string"}))).collect();
    check_schema(json!({"type": "object", "properties": properties}), Outcome::Works);
}

#[test]
fn deep_nesting() {
    let nest = |depth: usize| {
        (0..depth).fold(json!({"type": "integer"}), |inner, _| json!({"items": inner}))
    };
    check_schema(nest(60), Outcome::Works);
    check_schema(nest(100), Outcome::TooLarge);
    let doubled = (0..14).fold(
        json!({"type": "integer"}),
        |inner, _| json!({"anyOf": [inner.clone(), {"type": "array", "items": inner}]}),
    );
    check_schema(doubled, Outcome::TooLarge);
    check_regex(format!("{}a{}", "(".repeat(60), ")*".repeat(60)), Outcome::Works);
    check_regex(format!("{}a{}", "(".repeat(5000), ")*".repeat(5000)), Outcome::TooLarge);
    check_lark(format!("start: {}\"a\"{}", "(".repeat(5000), ")".repeat(5000)), Outcome::TooLarge);
    check_lark(format!("start: A\nA: {}/a/", "~".repeat(50_000)), Outcome::Invalid);
    check_lark(format!("start: \"a\"{}", "?".repeat(50_000)), Outcome::Invalid);
}

#[test]
fn long_chains() {
    let chain = |length: usize, name: &str| {
        let rules = (0..length).map(|index| format!("{name}{index}: {name}{} \"x\"\n", index + 1));
        rules.collect::<String>() + &format!("{name}{length}: \"x\"\nstart: {name}0")
    };
    check_lark(chain(990, "r"), Outcome::Works);
    check_lark(chain(990, "R"), Outcome::Works);
    check_lark(chain(8000, "r"), Outcome::TooLarge);
    let link = |index: usize| json!({"$ref": format!("#/$defs/d{}", (index + 1) % 1000)});
    let definitions: HashMap<_, _> = (0..1000)
        .map(|index| (format!("d{index}"), json!({"type": "array", "items": link(index)})))
        .collect();
    check_schema(json!({"$ref": "#/$defs/d0", "$defs": definitions}), Outcome::Works);
}

#[test]
fn references_that_lead_nowhere() {
    let circle = json!({"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}});
    check_schema(json!({"$ref": "#/$defs/a", "$defs": circle}), Outcome::Invalid);
    let itself = json!({"$ref": "#/$defs/a"});
    let both = json!({"a": {"allOf": [itself, itself]}});
    check_schema(json!({"$ref": "#/$defs/a", "$defs": both}), Outcome::Invalid);
    check_schema(json!({"$ref": "#/$defs/none"}), Outcome::Invalid);
    check_schema(json!({"$ref": "https://example.com/schema.json"}), Outcome::Invalid);
    check_schema(json!({"$ref": "file:///etc/passwd"}), Outcome::Invalid);
}

#[test]
fn large_repetitions() {
    check_regex("a{0,100000}", Outcome::Works);
    check_regex("((a{0,1000}){0,1000}){0,1000}", Outcome::Works);
    check_regex(r"(\p{L}{1,100}\p{N}{1,100}\w+){1,100}", Outcome::Works);
    check_schema(json!({"type": "string", "pattern": "^a{0,100000}$"}), Outcome::Works);
    check_schema(json!({"type": "string", "minLength": 1_000_000}), Outcome::Works);
    let object = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    check_schema(
        json!({"items": object, "minItems": 100_000, "maxItems": 1_000_000_000_000_u64}),
        Outcome::Works,
    );
    check_lark("start: (\"a\" | \"b\"){0,1000000}", Outcome::Works);
    check_lark("start: a{1000}\na: b{1000}\nb: c{1000}\nc: \"x\"", Outcome::Works);
}

#[test]
fn automata_that_explode() {
    check_regex("(a|b)*a(a|b){200}", Outcome::Works);
    check_regex("[ab]*a[ab]{20}[ab]*b[ab]{20}[ab]*c", Outcome::Works);
    check_lark(
        "start: T\nT: /(a|b)*a(a|b){60}/ & /(a|b)*b(a|b){59}/ & ~/(.*)abab(.*)/ & /[ab]{0,5000}/",
        Outcome::TooLarge,
    );
    let pair = |index: usize| {
        let one =
            |name: &str| json!({"properties": {format!("{name}{index}"): {"type": "string"}}});
        json!({"anyOf": [one("a"), one("b")]})
    };
    check_schema(json!({"allOf": (0..16).map(pair).collect::<Vec<_>>()}), Outcome::TooLarge);
}

#[test]
fn numbers_beyond_reason() {
    check_schema(json!({"type": "number", "multipleOf": 0.25}), Outcome::Works);
    check_schema(json!({"type": "integer", "multipleOf": 1_000_003}), Outcome::TooLarge);
    let multiple = |of: u32| json!({"type": "integer", "multipleOf": of});
    check_schema(json!({"allOf": [multiple(9973), multiple(9967)]}), Outcome::TooLarge);
    check_schema(json!({"multipleOf": 0}), Outcome::Invalid);
    check_schema(json!({"multipleOf": -5}), Outcome::Invalid);
    check_lark("start: %json {\"multipleOf\": 1000003}", Outcome::Invalid);
    check_schema(json!({"type": "integer", "minimum": i64::MIN}), Outcome::TooLarge);
    check_schema(json!({"type": "number", "maximum": 1e300}), Outcome::TooLarge);
    check_schema(json!({"type": "integer", "minimum": 5, "maximum": 3}), Outcome::Invalid);
}

#[test]
fn what_is_wrong_or_not_supported() {
    check_schema(json!(false), Outcome::Invalid);
    check_schema(json!([1]), Outcome::Invalid);
    check_schema(json!({"type": "strin"}), Outcome::Invalid);
    check_schema(json!({"properties": []}), Outcome::Invalid);
    check_schema(json!({"not": {"type": "string"}}), Outcome::Invalid);
    check_schema(json!({"type": "array", "uniqueItems": true}), Outcome::Invalid);
    check_schema(json!({"type": "string", "format": "credit-card"}), Outcome::Invalid);
    check_schema(json!({"type": "string", "pattern": "(("}), Outcome::Invalid);
    check_regex("(?=a)b", Outcome::Invalid);
    check_lark("start: start", Outcome::Invalid);
    check_lark("start: nothing", Outcome::Invalid);
    check_lark("", Outcome::Invalid);
}

#[test]
fn a_compilation_that_takes_too_long_is_left_behind_and_has_a_place() {
    let limits = GrammarLimits {
        compile_time_max: std::time::Duration::ZERO,
        compilations_max: 1,
        ..GrammarLimits::default()
    };
    let factory = factory(limits);
    let slow = GrammarSource::JsonSchema(json!({"enum": many(5000)}));
    assert!(matches!(factory.compile(&slow), Err(GrammarError::TooLarge { .. })));
    assert_eq!(factory.compile(&slow).unwrap_err(), GrammarError::Busy);
}
