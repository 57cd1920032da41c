//! Hyperparameters from the `config.json` of a Hugging Face folder.

mod values;

use serde_json::{Map, Value};

pub(crate) use values::Values;

use super::{
    Activation, Architecture, Hyperparameters, Rope, RopeScaling, RopeStyle, SlidingWindow,
    impossible, square_root,
};
use crate::checkpoint::{CheckpointError, LayerTensor, TensorName, Tensors};

/// Numbers that are left out of `config.json` where a family always has them.
struct Defaults {
    heads: Option<usize>,
    kv_heads: Option<usize>,
    head_dim: Option<usize>,
    context_length: Option<usize>,
    rms_epsilon: f64,
    theta: f64,
    local_theta: Option<f64>,
    local_period: Option<usize>,
}

impl Defaults {
    fn of(architecture: Architecture) -> Self {
        let none = Self {
            heads: None,
            kv_heads: None,
            head_dim: None,
            context_length: None,
            rms_epsilon: 1e-6,
            theta: 10_000.0,
            local_theta: None,
            local_period: None,
        };
        match architecture {
            Architecture::Llama | Architecture::Qwen2 => none,
            Architecture::Qwen3 => Self { head_dim: Some(128), ..none },
            Architecture::Gemma3 => Self {
                heads: Some(8),
                kv_heads: Some(4),
                head_dim: Some(256),
                context_length: Some(131_072),
                rms_epsilon: 1e-6,
                theta: 1_000_000.0,
                local_theta: Some(10_000.0),
                local_period: Some(6),
            },
        }
    }
}

/// The family that `config` names.
pub(crate) fn architecture(config: &Map<String, Value>) -> Result<Architecture, CheckpointError> {
    let names = config.get("architectures").and_then(Value::as_array);
    let name = names.and_then(|names| names.first()).and_then(Value::as_str);
    let missing = || CheckpointError::MissingKey { key: "architectures".to_owned() };
    Architecture::from_class(name.ok_or_else(missing)?)
}

/// Reads what `config` says, and what can be seen from which `tensors` there are.
pub(crate) fn from_config(
    config: &Map<String, Value>,
    tensors: &dyn Tensors,
) -> Result<Hyperparameters, CheckpointError> {
    let architecture = architecture(config)?;
    let gemma = architecture == Architecture::Gemma3;
    let defaults = Defaults::of(architecture);
    // Models that see have the decoder's part below this key.
    let text =
        Values { map: config.get("text_config").and_then(Value::as_object).unwrap_or(config) };
    let layers = text.size("num_hidden_layers")?;
    let hidden = text.size("hidden_size")?;
    let heads = text.size_or("num_attention_heads", defaults.heads)?;
    let head_dim = match text.optional_size("head_dim")?.or(defaults.head_dim) {
        Some(head_dim) => head_dim,
        None => hidden.checked_div(heads).unwrap_or_default(),
    };
    let sliding_window = sliding_window(text, architecture, &defaults, layers)?;
    let first_layer = |tensor| tensors.has(TensorName::Layer(0, tensor));
    let parameters = Hyperparameters {
        architecture,
        layers,
        hidden,
        heads,
        kv_heads: text.optional_size("num_key_value_heads")?.or(defaults.kv_heads).unwrap_or(heads),
        head_dim,
        intermediate: text.size("intermediate_size")?,
        vocabulary: tensors.rows(TensorName::Embedding)?,
        context_length: text.size_or("max_position_embeddings", defaults.context_length)?,
        rms_epsilon: to_f32(text.optional_float("rms_norm_eps")?.unwrap_or(defaults.rms_epsilon)),
        rope: rope(text, &defaults, head_dim)?,
        sliding_window,
        tied_embeddings: tied(config, text, tensors)?,
        qkv_bias: first_layer(LayerTensor::QueryBias),
        query_key_norms: first_layer(LayerTensor::QueryNorm),
        post_norms: first_layer(LayerTensor::PostAttentionNorm),
        embedding_scale: if gemma { square_root(hidden) } else { 1.0 },
        attention_scale: attention_scale(text, head_dim)?,
        attention_softcap: text.optional_float("attn_logit_softcapping")?.map(to_f32),
        final_softcap: text.optional_float("final_logit_softcapping")?.map(to_f32),
        activation: activation(text)?,
    };
    parameters.check()?;
    Ok(parameters)
}

fn attention_scale(text: Values<'_>, head_dim: usize) -> Result<f32, CheckpointError> {
    let of = text.optional_float("query_pre_attn_scalar")?.map(to_f32);
    let of = of.unwrap_or(head_dim as f32);
    if of.is_finite() && of > 0.0 {
        return Ok(1.0 / of.sqrt());
    }
    Err(impossible(format!("`query_pre_attn_scalar` is {of}")))
}

fn tied(
    config: &Map<String, Value>,
    text: Values<'_>,
    tensors: &dyn Tensors,
) -> Result<bool, CheckpointError> {
    let said = match text.optional_boolean("tie_word_embeddings")? {
        None => Values { map: config }.optional_boolean("tie_word_embeddings")?,
        some => some,
    };
    Ok(said.unwrap_or_else(|| !tensors.has(TensorName::Output)))
}

fn activation(text: Values<'_>) -> Result<Activation, CheckpointError> {
    let name = match text.optional_text("hidden_activation")? {
        None => text.optional_text("hidden_act")?,
        some => some,
    };
    match name {
        None | Some("silu" | "swish") => Ok(Activation::Silu),
        Some("gelu_pytorch_tanh") => Ok(Activation::GeluTanh),
        Some(other) => Err(impossible(format!(
            "the activation `{other}` is not supported; `silu` and `gelu_pytorch_tanh` are"
        ))),
    }
}

fn rope(text: Values<'_>, defaults: &Defaults, head_dim: usize) -> Result<Rope, CheckpointError> {
    // Newer files have everything in `rope_parameters`, by kind of layer where there are two.
    let parameters = text.optional_object("rope_parameters")?;
    let global = match parameters {
        Some(parameters) => parameters.optional_object("full_attention")?.or(Some(parameters)),
        None => None,
    };
    let local = match parameters {
        Some(parameters) => parameters.optional_object("sliding_attention")?,
        None => None,
    };
    let theta = match global.unwrap_or(text).optional_float("rope_theta")? {
        None => text.optional_float("rope_theta")?,
        some => some,
    };
    let local_theta = match local {
        Some(local) => local.optional_float("rope_theta")?,
        None => text.optional_float("rope_local_base_freq")?,
    };
    let scaling = global.or(text.optional_object("rope_scaling")?);
    Ok(Rope {
        theta: to_f32(theta.unwrap_or(defaults.theta)),
        local_theta: local_theta.or(defaults.local_theta).map(to_f32),
        style: RopeStyle::HalfSplit,
        dimensions: head_dim,
        scaling: scaling.map_or(Ok(RopeScaling::None), scale)?,
    })
}

fn scale(scaling: Values<'_>) -> Result<RopeScaling, CheckpointError> {
    let kind = match scaling.optional_text("rope_type")? {
        None => scaling.optional_text("type")?,
        some => some,
    };
    match kind {
        None | Some("default") => Ok(RopeScaling::None),
        Some("linear") => Ok(RopeScaling::Linear { factor: to_f32(scaling.float("factor")?) }),
        Some("llama3") => Ok(RopeScaling::Llama3 {
            factor: to_f32(scaling.float("factor")?),
            low_frequency_factor: to_f32(scaling.float("low_freq_factor")?),
            high_frequency_factor: to_f32(scaling.float("high_freq_factor")?),
            original_context: scaling.size("original_max_position_embeddings")?,
        }),
        Some(other) => Err(impossible(format!(
            "the rope scaling `{other}` is not supported; `linear` and `llama3` are"
        ))),
    }
}

fn sliding_window(
    text: Values<'_>,
    architecture: Architecture,
    defaults: &Defaults,
    layers: usize,
) -> Result<Option<SlidingWindow>, CheckpointError> {
    let Some(tokens) = text.optional_size("sliding_window")?.filter(|tokens| *tokens > 0) else {
        return Ok(None);
    };
    let qwen = matches!(architecture, Architecture::Qwen2 | Architecture::Qwen3);
    if !text.optional_boolean("use_sliding_window")?.unwrap_or(!qwen) {
        return Ok(None);
    }
    if let Some(kinds) = text.optional_array("layer_types")? {
        return listed(tokens, kinds, layers).map(Some);
    }
    if qwen {
        let first = text.optional_size("max_window_layers")?.unwrap_or(layers);
        let local = (0..layers).map(|layer| layer >= first).collect();
        return Ok(Some(SlidingWindow { tokens, local }));
    }
    let period = match text.optional_size("sliding_window_pattern")? {
        None => defaults.local_period.unwrap_or_default(),
        Some(period) => period,
    };
    Ok(Some(SlidingWindow::periodic(tokens, period, layers)))
}

fn listed(tokens: usize, kinds: &[Value], layers: usize) -> Result<SlidingWindow, CheckpointError> {
    if kinds.len() != layers {
        return Err(impossible(format!("`layer_types` has {} layers, not {layers}", kinds.len())));
    }
    let is_local = |kind: &Value| match kind.as_str() {
        Some("sliding_attention") => Ok(true),
        Some("full_attention") => Ok(false),
        _ => Err(impossible(format!("`layer_types` has {kind}, which is not supported"))),
    };
    Ok(SlidingWindow { tokens, local: kinds.iter().map(is_local).collect::<Result<_, _>>()? })
}

#[expect(clippy::cast_possible_truncation, reason = "rounding is what is wanted")]
fn to_f32(value: f64) -> f32 {
    value as f32
}
