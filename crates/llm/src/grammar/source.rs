use llguidance::{JsonCompileOptions, api::TopLevelGrammar};
use serde_json::{Map, Number, Value, json};

use super::{GrammarError, GrammarLimits};

/// A grammar as a client sends it.
#[derive(Clone, Debug, PartialEq)]
pub enum GrammarSource {
    /// Any JSON object.
    JsonObject,
    /// A JSON value that fits this schema.
    JsonSchema(Value),
    /// A text that this regular expression, without look-around, matches as a whole.
    Regex(String),
    /// One of these texts.
    Choice(Vec<String>),
    /// A text of the language of this grammar, in Lark's notation.
    Lark(String),
}

/// Characters of white space between two parts of JSON, so that a model cannot go on with them forever.
const WHITESPACE_MAX: usize = 32;

impl GrammarSource {
    /// What the library makes grammars of, if the source is within the limits.
    pub(super) fn check(&self, limits: &GrammarLimits) -> Result<TopLevelGrammar, GrammarError> {
        match self {
            Self::JsonObject => Ok(json_grammar(json!({"type": "object"}))),
            Self::JsonSchema(schema) => {
                check_schema(schema, limits)?;
                schema_grammar(schema)
            }
            Self::Regex(regex) => {
                check_text(regex, limits)?;
                Ok(TopLevelGrammar::from_regex(regex))
            }
            Self::Lark(grammar) => {
                check_lark(grammar, limits)?;
                Ok(TopLevelGrammar::from_lark(grammar.clone()))
            }
            Self::Choice(choices) => choice_grammar(choices, limits),
        }
    }
}

fn choice_grammar(
    choices: &[String],
    limits: &GrammarLimits,
) -> Result<TopLevelGrammar, GrammarError> {
    if choices.iter().all(String::is_empty) {
        let reason = "a choice needs at least one text that is not empty".to_owned();
        return Err(GrammarError::Invalid { reason });
    }
    check_bytes(choices.iter().map(String::len).sum(), limits)?;
    // Both notations escape as JSON does.
    let quoted: Vec<String> = choices.iter().map(|text| Value::from(&**text).to_string()).collect();
    // One terminal: alternatives of a rule are followed side by side, those of a terminal are one automaton.
    Ok(TopLevelGrammar::from_lark(format!("start: TEXT\nTEXT: {}", quoted.join(" | "))))
}

fn schema_grammar(schema: &Value) -> Result<TopLevelGrammar, GrammarError> {
    match schema {
        Value::Object(_) => Ok(json_grammar(schema.clone())),
        Value::Bool(true) => Ok(json_grammar(Value::Object(Map::new()))),
        _ => Err(GrammarError::Invalid { reason: "a JSON schema is an object".to_owned() }),
    }
}

fn json_grammar(mut schema: Value) -> TopLevelGrammar {
    let options = JsonCompileOptions {
        whitespace_pattern: Some(format!(r"[\x20\x0A\x0D\x09]{{1,{WHITESPACE_MAX}}}")),
        // Where alternatives cannot be told apart, an answer may fit two of them.
        coerce_one_of: true,
        ..JsonCompileOptions::default()
    };
    // Takes the place of what the client may have written there.
    options.apply_to(&mut schema);
    TopLevelGrammar::from_json_schema(schema)
}

fn check_bytes(bytes: usize, limits: &GrammarLimits) -> Result<(), GrammarError> {
    let max = limits.source_bytes_max;
    if bytes <= max {
        return Ok(());
    }
    let reason = format!("it has {bytes} bytes; at most {max} are allowed");
    Err(GrammarError::TooLarge { reason })
}

fn check_depth(depth: usize, limits: &GrammarLimits) -> Result<(), GrammarError> {
    let max = limits.depth_max;
    if depth <= max {
        return Ok(());
    }
    let reason =
        format!("its brackets are nested {depth} deep or deeper; at most {max} are allowed");
    Err(GrammarError::TooLarge { reason })
}

/// Counts every bracket, escaped or not: what is built from it is built by recursion.
fn check_text(text: &str, limits: &GrammarLimits) -> Result<(), GrammarError> {
    check_bytes(text.len(), limits)?;
    let mut depth = 0_usize;
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        check_depth(depth, limits)?;
    }
    Ok(())
}

fn check_lark(grammar: &str, limits: &GrammarLimits) -> Result<(), GrammarError> {
    check_text(grammar, limits)?;
    let (lines, max) = (grammar.lines().count(), limits.lines_max);
    if lines > max {
        let reason = format!("it has {lines} lines; at most {max} are allowed");
        return Err(GrammarError::TooLarge { reason });
    }
    if grammar.contains("multipleOf") {
        let reason = "multipleOf is not supported within Lark's notation".to_owned();
        return Err(GrammarError::Invalid { reason });
    }
    Ok(())
}

/// Numbers that are multiples are recognised by a state for each remainder.
#[derive(Debug)]
struct Multiples {
    /// The least common multiple of all, because `allOf` may join any of them.
    common: u64,
}

impl Multiples {
    /// One number's digits without zeros at the end: 0.25 is 25, for which 25 states are needed.
    const DIGITS_MAX: u64 = 10_000;
    const COMMON_MAX: u64 = 1_000_000;

    fn add(&mut self, multiple: &Number) -> Result<(), GrammarError> {
        let text = multiple.to_string();
        if multiple.as_f64().is_none_or(|multiple| multiple <= 0.0) {
            let reason = format!("multipleOf must be greater than 0, but is {text}");
            return Err(GrammarError::Invalid { reason });
        }
        let mantissa = text.split(['e', 'E']).next().unwrap_or_default().replace(['.', '-'], "");
        let digits = mantissa.trim_matches('0').parse().unwrap_or(1);
        if digits <= Self::DIGITS_MAX {
            self.common = self.common / divisor(self.common, digits) * digits;
            if self.common <= Self::COMMON_MAX {
                return Ok(());
            }
        }
        let reason = format!("multipleOf {text}, alone or with others, needs too many states");
        Err(GrammarError::TooLarge { reason })
    }
}

/// The greatest common divisor of two numbers that are not both 0.
fn divisor(mut left: u64, mut right: u64) -> u64 {
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left
}

/// Beyond these the library's integers are.
fn check_bounds(schema: &Map<String, Value>) -> Result<(), GrammarError> {
    for key in ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"] {
        let bound = schema.get(key).and_then(Value::as_f64).unwrap_or(0.0);
        if bound.abs() >= 9e18 {
            let reason = format!("{key} must be between -9e18 and 9e18, but is {bound}");
            return Err(GrammarError::TooLarge { reason });
        }
    }
    Ok(())
}

fn check_schema(schema: &Value, limits: &GrammarLimits) -> Result<(), GrammarError> {
    let mut bytes = 0;
    let mut multiples = Multiples { common: 1 };
    let mut open = vec![(schema, 1)];
    while let Some((value, depth)) = open.pop() {
        check_depth(depth, limits)?;
        bytes += 1;
        match value {
            Value::Object(members) => {
                bytes += members.keys().map(String::len).sum::<usize>();
                if let Some(Value::Number(multiple)) = members.get("multipleOf") {
                    multiples.add(multiple)?;
                }
                check_bounds(members)?;
                open.extend(members.values().map(|member| (member, depth + 1)));
            }
            Value::Array(items) => open.extend(items.iter().map(|item| (item, depth + 1))),
            Value::String(text) => bytes += text.len(),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
        check_bytes(bytes, limits)?;
    }
    Ok(())
}
