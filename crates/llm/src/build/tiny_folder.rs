//! Tiny models as Hugging Face folders.

use std::{fs, io, path::Path};

use safetensors::{Dtype, tensor::TensorView};
use serde_json::{Map, Value, json};

use super::tiny::{
    CHAT_TEMPLATE, CONTEXT, HEADS, HIDDEN, INTERMEDIATE, KV_HEADS, TinyModel, WINDOW, token_texts,
};

pub(super) fn write(model: TinyModel, folder: &Path) -> io::Result<()> {
    let config = Value::Object(config(model));
    fs::write(folder.join("config.json"), format!("{config:#}"))?;
    let generation = json!({ "eos_token_id": [257], "bos_token_id": 256 });
    fs::write(folder.join("generation_config.json"), format!("{generation:#}"))?;
    fs::write(folder.join("tokenizer.json"), tokenizer().to_string())?;
    let tokenizer_config = json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|bos|>",
        "eos_token": "<|eos|>",
        "chat_template": CHAT_TEMPLATE,
    });
    fs::write(folder.join("tokenizer_config.json"), format!("{tokenizer_config:#}"))?;
    write_weights(model, &folder.join("model.safetensors"))
}

fn write_weights(model: TinyModel, path: &Path) -> io::Result<()> {
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = model
        .tensors()
        .into_iter()
        .map(|tensor| {
            let shape = match tensor.rows {
                1 => vec![tensor.columns],
                rows => vec![rows, tensor.columns],
            };
            let bytes = tensor.values.into_iter().flat_map(f32::to_le_bytes).collect();
            (model.name_in_folder(tensor.name), shape, bytes)
        })
        .collect();
    let views = tensors.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
        (name, view.expect("the values are as many as the shape has"))
    });
    let format = [("format".to_owned(), "pt".to_owned())].into();
    safetensors::serialize_to_file(views, Some(format), path).map_err(io::Error::other)
}

fn config(model: TinyModel) -> Map<String, Value> {
    let (class, kind) = match model {
        TinyModel::Llama | TinyModel::Llama3 => ("LlamaForCausalLM", "llama"),
        TinyModel::Mistral => ("MistralForCausalLM", "mistral"),
        TinyModel::Qwen2 => ("Qwen2ForCausalLM", "qwen2"),
        TinyModel::Qwen3 => ("Qwen3ForCausalLM", "qwen3"),
        TinyModel::Gemma3 => ("Gemma3ForCausalLM", "gemma3_text"),
    };
    let common = json!({
        "architectures": [class],
        "model_type": kind,
        "hidden_size": HIDDEN,
        "intermediate_size": INTERMEDIATE,
        "num_hidden_layers": model.layers(),
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "head_dim": model.head_dim(),
        "vocab_size": TinyModel::VOCABULARY,
        "max_position_embeddings": CONTEXT,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "tie_word_embeddings": model.tied(),
        "bos_token_id": 256,
        "eos_token_id": 257,
        "torch_dtype": "float32",
    });
    let own = match model {
        TinyModel::Llama | TinyModel::Qwen3 => json!({ "hidden_act": "silu" }),
        TinyModel::Llama3 => json!({ "hidden_act": "silu", "rope_scaling": llama3_scaling() }),
        TinyModel::Mistral => json!({ "hidden_act": "silu", "sliding_window": WINDOW }),
        TinyModel::Qwen2 => json!({ "hidden_act": "silu", "use_sliding_window": false }),
        TinyModel::Gemma3 => json!({
            "hidden_activation": "gelu_pytorch_tanh",
            "sliding_window": WINDOW,
            "sliding_window_pattern": 6,
            "rope_local_base_freq": 1000.0,
            "query_pre_attn_scalar": 32,
            "final_logit_softcapping": 20.0,
        }),
    };
    let parts = [common, own].into_iter().filter_map(|part| part.as_object().cloned());
    parts.flatten().collect()
}

fn llama3_scaling() -> Value {
    json!({
        "rope_type": "llama3",
        "factor": 4.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    })
}

fn tokenizer() -> Value {
    let texts = token_texts();
    let vocabulary: Map<String, Value> =
        texts.iter().enumerate().map(|(id, text)| (text.clone(), id.into())).collect();
    let special = |id: usize| {
        json!({
            "id": id, "content": texts[id], "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true,
        })
    };
    let byte_level = json!({
        "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true,
    });
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [special(256), special(257)],
        "normalizer": null,
        "pre_tokenizer": byte_level,
        "post_processor": null,
        "decoder": byte_level,
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
            "vocab": vocabulary, "merges": ["h e"],
        },
    })
}
