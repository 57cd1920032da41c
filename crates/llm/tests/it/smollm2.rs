//! SmolLM2-135M-Instruct, held against what another implementation makes of it.

use std::{env, path::PathBuf};

use llm::{Architecture, ChatPrompt, Checkpoint, LayerTensor, RopeStyle, TensorName, Tokenizer};
use serde_json::Value;

/// Prompts, their ids, and what a reference generates from them.
const GOLDEN: &str = include_str!("../golden/smollm2.json");

/// The model, if `HONE_CACHE` says where it is; CI does.
fn open() -> Option<Checkpoint> {
    let cache = PathBuf::from(env::var_os("HONE_CACHE")?);
    let file = cache.join("models/smollm2/1/model.gguf");
    Some(Checkpoint::open(&file).expect("`cargo xtask models` fetches the model"))
}

/// Its tokenizer.
pub(crate) fn tokenizer() -> Option<Tokenizer> {
    Some(open()?.tokenizer().unwrap())
}

fn golden_cases() -> Vec<Value> {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    golden["cases"].as_array().unwrap().clone()
}

fn ids(value: &Value) -> Vec<u32> {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn tokens_are_those_of_the_reference() {
    let Some(tokenizer) = tokenizer() else { return };
    for case in golden_cases() {
        let (prompt, expected) = (case["prompt"].as_str().unwrap(), ids(&case["prompt_ids"]));
        assert_eq!(tokenizer.encode(prompt, false, true).unwrap(), expected, "{prompt}");
        assert_eq!(tokenizer.decode(&expected, false), prompt);
        let generated = tokenizer.decode(&ids(&case["greedy_ids"]), true);
        assert_eq!(generated, case["greedy_text"].as_str().unwrap());
    }
}

#[test]
fn special_tokens_can_be_plain_text() {
    let Some(tokenizer) = tokenizer() else { return };
    let text = "a<|im_end|>b";
    assert!(tokenizer.encode(text, false, true).unwrap().contains(&2));
    let plain = tokenizer.encode(text, false, false).unwrap();
    assert!(plain.iter().all(|id| !tokenizer.is_special(*id)), "{plain:?}");
    assert_eq!(tokenizer.decode(&plain, true), text);
}

#[test]
fn generations_end_with_every_end_of_a_turn() {
    let Some(tokenizer) = tokenizer() else { return };
    assert_eq!(tokenizer.eos_ids(), [0, 2]);
    assert_eq!((tokenizer.bos(), tokenizer.eos()), (Some(1), Some(2)));
    assert_eq!(tokenizer.vocabulary_size(), 49152);
    assert_eq!(tokenizer.token_bytes(49152), b"");
}

#[test]
fn sizes_are_those_of_the_model() {
    let Some(checkpoint) = open() else { return };
    let model = checkpoint.hyperparameters();
    assert_eq!(model.architecture, Architecture::Llama);
    assert_eq!((model.layers, model.hidden, model.intermediate), (30, 576, 1536));
    assert_eq!((model.heads, model.kv_heads, model.head_dim), (9, 3, 64));
    assert_eq!((model.vocabulary, model.context_length), (49152, 8192));
    assert_eq!((model.rope.theta, model.rope.style), (1e5, RopeStyle::Interleaved));
    assert!(model.tied_embeddings && !model.qkv_bias);
    let query = checkpoint.tensor(TensorName::Layer(29, LayerTensor::Query)).unwrap();
    assert_eq!((query.rows(), query.columns()), (576, 576));
    let output = checkpoint.tensor(TensorName::Output).unwrap();
    assert_eq!((output.rows(), output.columns()), (49152, 576));
}

#[test]
fn a_conversation_becomes_a_prompt() {
    let Some(checkpoint) = open() else { return };
    let tokenizer = checkpoint.tokenizer().unwrap();
    let template = checkpoint.chat(&tokenizer).unwrap().expect("the file has a template");
    let prompt = ChatPrompt {
        messages: serde_json::json!([{"role": "user", "content": "What is the capital of France?"}]),
        tools: None,
        documents: None,
        add_generation_prompt: true,
        continue_final_message: false,
        extra: serde_json::Map::new(),
        now: std::time::SystemTime::UNIX_EPOCH,
    };
    assert_eq!(
        template.render(&prompt).unwrap(),
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face\
         <|im_end|>\n<|im_start|>user\nWhat is the capital of France?<|im_end|>\n\
         <|im_start|>assistant\n"
    );
}
