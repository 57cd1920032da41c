//! Tiny models as GGUF files.

use std::{io, path::Path};

use kernels::StoredFormat;

use super::{
    GgufWriter,
    tiny::{
        CHAT_TEMPLATE, CONTEXT, HEADS, HIDDEN, INTERMEDIATE, KV_HEADS, TinyModel, TinyTensor,
        WINDOW, token_texts,
    },
};
use crate::{
    checkpoint::{LayerTensor, TensorName},
    hyperparameters::{Architecture, Rope, RopeScaling, RopeStyle},
};

pub(super) fn write(model: TinyModel, path: &Path) -> io::Result<()> {
    let mut writer = GgufWriter::new(model.architecture().name());
    sizes(model, &mut writer);
    tokenizer(&mut writer);
    for tensor in model.tensors() {
        let name = tensor.name.in_gguf();
        let shape = (tensor.rows, tensor.columns);
        let values = values(model, tensor);
        let bytes = values.into_iter().flat_map(f32::to_le_bytes).collect();
        writer.tensor(&name, shape, StoredFormat::F32, Box::new(move || bytes));
    }
    if model == TinyModel::Llama3 {
        let factors = rope_factors(model);
        let shape = (1, factors.len());
        let bytes = factors.into_iter().flat_map(f32::to_le_bytes).collect();
        let name = TensorName::RopeFactors.in_gguf();
        writer.tensor(&name, shape, StoredFormat::F32, Box::new(move || bytes));
    }
    writer.write(path)
}

fn sizes(model: TinyModel, writer: &mut GgufWriter) {
    let prefix = model.architecture().name();
    let layers = model.layers();
    for (name, size) in [
        ("block_count", layers),
        ("context_length", CONTEXT),
        ("embedding_length", HIDDEN),
        ("feed_forward_length", INTERMEDIATE),
        ("attention.head_count", HEADS),
        ("attention.head_count_kv", KV_HEADS),
        ("attention.key_length", model.head_dim()),
        ("attention.value_length", model.head_dim()),
    ] {
        let size = u32::try_from(size).expect("the sizes are small");
        writer.unsigned(&format!("{prefix}.{name}"), size);
    }
    writer.float(&format!("{prefix}.attention.layer_norm_rms_epsilon"), 1e-5);
    writer.float(&format!("{prefix}.rope.freq_base"), 10_000.0);
    if matches!(model, TinyModel::Mistral | TinyModel::Gemma3) {
        let window = u32::try_from(WINDOW).expect("the window is small");
        writer.unsigned(&format!("{prefix}.attention.sliding_window"), window);
    }
    if model == TinyModel::Gemma3 {
        writer.float(&format!("{prefix}.rope.freq_base_swa"), 1_000.0);
        writer.float(&format!("{prefix}.final_logit_softcapping"), 20.0);
    }
}

fn tokenizer(writer: &mut GgufWriter) {
    let texts = token_texts();
    writer.text("tokenizer.ggml.model", "gpt2");
    writer.text("tokenizer.ggml.pre", "gpt-2");
    writer.texts("tokenizer.ggml.tokens", texts.iter().map(String::as_str));
    let kind = |id: usize| if matches!(id, 256 | 257) { 3 } else { 1 };
    writer.integers("tokenizer.ggml.token_type", (0..texts.len()).map(kind));
    writer.texts("tokenizer.ggml.merges", ["h e"]);
    writer.unsigned("tokenizer.ggml.bos_token_id", 256);
    writer.unsigned("tokenizer.ggml.eos_token_id", 257);
    writer.boolean("tokenizer.ggml.add_bos_token", false);
    writer.text("tokenizer.chat_template", CHAT_TEMPLATE);
}

/// The values as converters write them: Gemma's norms with their 1, and the rows of Llama's queries and
/// keys in the order that turns neighbours together.
fn values(model: TinyModel, tensor: TinyTensor) -> Vec<f32> {
    let architecture = model.architecture();
    match tensor.name {
        name if name.is_norm() && architecture == Architecture::Gemma3 => {
            tensor.values.into_iter().map(|value| value + 1.0).collect()
        }
        TensorName::Layer(_, LayerTensor::Query | LayerTensor::Key)
            if architecture == Architecture::Llama =>
        {
            interleave(&tensor, model.head_dim())
        }
        _ => tensor.values,
    }
}

/// Row `i` of a head comes beside row `i + head_dim / 2`.
fn interleave(tensor: &TinyTensor, head_dim: usize) -> Vec<f32> {
    let row = |row: usize| &tensor.values[row * tensor.columns..][..tensor.columns];
    (0..tensor.rows)
        .map(|index| (index / head_dim * head_dim, index % head_dim))
        .flat_map(|(head, place)| row(head + place / 2 + place % 2 * head_dim / 2).to_vec())
        .collect()
}

/// What converters write for the scaling of Llama 3.1: the quotients of frequencies without and with it.
#[expect(clippy::cast_possible_truncation, reason = "files hold them in single precision")]
fn rope_factors(model: TinyModel) -> Vec<f32> {
    let rope = |scaling| Rope {
        theta: 10_000.0,
        local_theta: None,
        style: RopeStyle::HalfSplit,
        dimensions: model.head_dim(),
        scaling,
    };
    let plain = rope(RopeScaling::None).frequencies(false);
    let scaled = rope(RopeScaling::Llama3 {
        factor: 4.0,
        low_frequency_factor: 1.0,
        high_frequency_factor: 4.0,
        original_context: 64,
    });
    plain
        .into_iter()
        .zip(scaled.frequencies(false))
        .map(|(plain, scaled)| (plain / scaled) as f32)
        .collect()
}
