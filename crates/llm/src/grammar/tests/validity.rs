//! A validator of the schemas that these tests use, by the words of JSON Schema 2020-12.

use serde_json::{Map, Value};

/// Whether the value fits.
pub(super) fn fits(value: &Value, schema: &Value) -> bool {
    fits_within(value, schema, schema)
}

fn fits_within(value: &Value, schema: &Value, root: &Value) -> bool {
    match schema {
        Value::Bool(all) => *all,
        Value::Object(schema) => {
            schema.iter().all(|(word, rule)| keeps(value, word, rule, (schema, root)))
        }
        _ => panic!("not a schema: {schema}"),
    }
}

fn keeps(
    value: &Value,
    word: &str,
    rule: &Value,
    (schema, root): (&Map<String, Value>, &Value),
) -> bool {
    let each = |value: &Value, schema: &Value| fits_within(value, schema, root);
    let schemas = || rule.as_array().unwrap().iter();
    match word {
        "$defs" => true,
        "$ref" => each(value, root.pointer(&rule.as_str().unwrap()[1..]).unwrap()),
        "type" if rule.is_array() => schemas().any(|rule| has_type(value, rule)),
        "type" => has_type(value, rule),
        "enum" => schemas().any(|other| other == value),
        "const" => rule == value,
        "anyOf" => schemas().any(|schema| each(value, schema)),
        "oneOf" => schemas().filter(|schema| each(value, schema)).count() == 1,
        "allOf" => schemas().all(|schema| each(value, schema)),
        "pattern" | "format" | "minLength" | "maxLength" => {
            value.as_str().is_none_or(|text| text_keeps(text, word, rule))
        }
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => {
            value.as_f64().is_none_or(|number| number_keeps(number, word, rule.as_f64().unwrap()))
        }
        "prefixItems" | "items" | "minItems" | "maxItems" => {
            value.as_array().is_none_or(|items| array_keeps(items, word, rule, (schema, root)))
        }
        _ => value
            .as_object()
            .is_none_or(|members| object_keeps(members, word, rule, (schema, root))),
    }
}

fn has_type(value: &Value, name: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        other => panic!("unknown type {other}"),
    }
}

fn number_keeps(number: f64, word: &str, rule: f64) -> bool {
    match word {
        "minimum" => number >= rule,
        "maximum" => number <= rule,
        "exclusiveMinimum" => number > rule,
        "exclusiveMaximum" => number < rule,
        _ => (number / rule).fract() == 0.0,
    }
}

fn array_keeps(
    items: &[Value],
    word: &str,
    rule: &Value,
    (schema, root): (&Map<String, Value>, &Value),
) -> bool {
    let first = schema.get("prefixItems").and_then(Value::as_array).map_or(0, Vec::len);
    match word {
        "minItems" => items.len() as u64 >= rule.as_u64().unwrap(),
        "maxItems" => items.len() as u64 <= rule.as_u64().unwrap(),
        "items" => items.iter().skip(first).all(|item| fits_within(item, rule, root)),
        _ => items
            .iter()
            .zip(rule.as_array().unwrap())
            .all(|(item, rule)| fits_within(item, rule, root)),
    }
}

fn object_keeps(
    members: &Map<String, Value>,
    word: &str,
    rule: &Value,
    (schema, root): (&Map<String, Value>, &Value),
) -> bool {
    match word {
        "properties" => rule.as_object().unwrap().iter().all(|(name, rule)| {
            members.get(name).is_none_or(|value| fits_within(value, rule, root))
        }),
        "required" => {
            rule.as_array().unwrap().iter().all(|name| members.contains_key(name.as_str().unwrap()))
        }
        "additionalProperties" => {
            let named = |name: &String| {
                schema.get("properties").is_some_and(|named| named.get(name).is_some())
            };
            members
                .iter()
                .filter(|(name, _)| !named(name))
                .all(|(_, value)| fits_within(value, rule, root))
        }
        other => panic!("unknown word {other}"),
    }
}

fn text_keeps(text: &str, word: &str, rule: &Value) -> bool {
    match word {
        "minLength" => text.chars().count() as u64 >= rule.as_u64().unwrap(),
        "maxLength" => text.chars().count() as u64 <= rule.as_u64().unwrap(),
        "pattern" => match rule.as_str().unwrap() {
            "^[A-Z]{2}-[0-9]{3}$" => looks_like(text, "AA-999"),
            other => panic!("unknown pattern {other}"),
        },
        _ => has_format(text, rule.as_str().unwrap()),
    }
}

fn has_format(text: &str, format: &str) -> bool {
    match format {
        "date" => is_date(text),
        "time" => is_time(text),
        "date-time" => {
            let (date, time) = text.split_once(['T', 't']).unwrap_or_default();
            is_date(date) && is_time(time)
        }
        "uuid" => looks_like(&text.to_ascii_lowercase(), "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh"),
        "ipv4" => text.parse::<std::net::Ipv4Addr>().is_ok(),
        other => panic!("unknown format {other}"),
    }
}

/// `A` is a capital, `9` a digit, `h` a hexadecimal digit, anything else itself.
fn looks_like(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text.bytes().zip(shape.bytes()).all(|(byte, shape)| match shape {
            b'A' => byte.is_ascii_uppercase(),
            b'9' => byte.is_ascii_digit(),
            b'h' => byte.is_ascii_hexdigit(),
            other => byte == other,
        })
}

fn is_date(text: &str) -> bool {
    let number = |range: std::ops::Range<usize>| text[range].parse::<u32>().unwrap();
    looks_like(text, "9999-99-99")
        && (1..=12).contains(&number(5..7))
        && (1..=31).contains(&number(8..10))
}

fn is_time(text: &str) -> bool {
    let (clock, rest) = text.split_at_checked(8).unwrap_or_default();
    let fraction = rest.trim_end_matches(['Z', 'z']);
    let (fraction, offset) = fraction.split_at(fraction.find(['+', '-']).unwrap_or(fraction.len()));
    let number = |range: std::ops::Range<usize>| clock[range].parse::<u32>().unwrap();
    looks_like(clock, "99:99:99")
        && number(0..2) < 24
        && number(3..5) < 60
        && number(6..8) <= 60
        && (fraction.is_empty() || fraction[1..].bytes().all(|byte| byte.is_ascii_digit()))
        && (offset.is_empty() || looks_like(&offset[1..], "99:99"))
}
