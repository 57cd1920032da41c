//! Answers of a model that knows nothing but its mask, in the tokens of a real one.

use std::sync::Arc;

use llm::{
    Choice, FinishReason, GrammarFactory, GrammarLimits, GrammarSource, SamplerWorkspace,
    SamplingParameters, StopCause, Tokenizer,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::smollm2;

#[expect(dead_code, reason = "read to see whether they are there")]
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    name: String,
    age: u8,
    tags: Vec<Tag>,
    home: Option<Home>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Tag {
    Red,
    Green,
}

#[expect(dead_code, reason = "read to see whether they are there")]
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Home {
    zip: String,
    lat: f64,
}

fn person() -> Value {
    json!({"type": "object", "properties": {
        "name": {"type": "string", "maxLength": 30},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "tags": {"type": "array", "items": {"enum": ["red", "green"]}, "maxItems": 3},
        "home": {"anyOf": [{"type": "null"}, {"type": "object", "properties": {
            "zip": {"type": "string", "pattern": "^[0-9]{5}$"},
            "lat": {"type": "number", "minimum": -90, "maximum": 90}},
            "required": ["zip", "lat"], "additionalProperties": false}]}},
        "required": ["name", "age", "tags", "home"], "additionalProperties": false})
}

/// One answer if all tokens are equally likely, but those for closing a little more.
fn answer(tokenizer: &Arc<Tokenizer>, grammar: &llm::Grammar, seed: u64) -> (String, FinishReason) {
    let closing = ["\"", "\",", "}", "]", "\"}"];
    let logit_bias = closing.iter().filter_map(|text| Some((tokenizer.token_id(text)?, 12.0)));
    let parameters = SamplingParameters {
        seed: Some(seed),
        max_tokens: 2000,
        logit_bias: logit_bias.collect(),
        ..SamplingParameters::default()
    };
    let vocabulary = Arc::clone(tokenizer) as Arc<dyn llm::Vocabulary>;
    let mut choice = Choice::new(&parameters, tokenizer.eos_ids(), vocabulary, Some(grammar));
    let mut workspace = SamplerWorkspace::default();
    let mut text = String::new();
    loop {
        let mut logits = vec![0.0; tokenizer.vocabulary_size()];
        let chosen = choice.step(&mut logits, &mut workspace).unwrap();
        text.push_str(chosen.text);
        if let Some(finish) = chosen.finish {
            return (text, finish.clone());
        }
    }
}

/// Whether the answer may be judged: it has not run into its length.
fn ended(finish: &FinishReason) -> bool {
    matches!(finish, FinishReason::Stop(StopCause::Grammar | StopCause::EndOfSequence))
}

#[test]
fn answers_fit_their_schema() {
    let Some(tokenizer) = smollm2::tokenizer() else { return };
    let tokenizer = Arc::new(tokenizer);
    let factory = GrammarFactory::new(
        Arc::clone(&tokenizer) as Arc<dyn llm::Vocabulary>,
        tokenizer.vocabulary_size(),
        tokenizer.eos_ids(),
        GrammarLimits {
            compile_time_max: std::time::Duration::from_secs(60),
            ..GrammarLimits::default()
        },
    );
    factory.prepare().unwrap();
    let schema = factory.compile(&GrammarSource::JsonSchema(person())).unwrap();
    let object = factory.compile(&GrammarSource::JsonObject).unwrap();
    for seed in 0..10 {
        let (text, finish) = answer(&tokenizer, &schema, seed);
        assert!(ended(&finish), "{text}");
        serde_json::from_str::<Person>(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let (text, finish) = answer(&tokenizer, &object, seed);
        assert!(ended(&finish), "{text}");
        assert!(serde_json::from_str::<Value>(&text).unwrap().is_object(), "{text}");
    }
}
