//! Hyperparameters from the metadata of a GGUF file.

use super::{
    Activation, Architecture, Hyperparameters, Rope, RopeScaling, RopeStyle, SlidingWindow,
    impossible,
};
use crate::{
    checkpoint::{CheckpointError, LayerTensor, TensorName, Tensors},
    gguf::Described,
};

/// Gemma 3's: five local layers, then a global one; and the base of local layers.
const GEMMA3_PERIOD: usize = 6;
const GEMMA3_LOCAL_THETA: f32 = 10_000.0;

/// Reads what `metadata` says, and what can be seen from which `tensors` there are.
pub(crate) fn from_metadata(
    metadata: Described<'_>,
    tensors: &dyn Tensors,
) -> Result<Hyperparameters, CheckpointError> {
    let name = metadata.text("general.architecture")?;
    let name = name.ok_or_else(|| missing("general.architecture"))?;
    let architecture = Architecture::from_gguf(name)?;
    let keys = Keys { metadata, prefix: architecture.name() };
    keys.refuse_experts()?;
    let layers = keys.size("block_count")?;
    let hidden = keys.size("embedding_length")?;
    let heads = keys.size("attention.head_count")?;
    let head_dim = head_dim(&keys, hidden, heads)?;
    let gemma = architecture == Architecture::Gemma3;
    let first_layer = |tensor| tensors.has(TensorName::Layer(0, tensor));
    let parameters = Hyperparameters {
        architecture,
        layers,
        hidden,
        heads,
        kv_heads: keys.optional_size("attention.head_count_kv")?.unwrap_or(heads),
        head_dim,
        intermediate: keys.size("feed_forward_length")?,
        vocabulary: tensors.rows(TensorName::Embedding)?,
        context_length: keys.size("context_length")?,
        rms_epsilon: keys.float("attention.layer_norm_rms_epsilon")?,
        rope: rope(&keys, architecture, head_dim, tensors)?,
        sliding_window: sliding_window(&keys, architecture, layers)?,
        tied_embeddings: !tensors.has(TensorName::Output),
        qkv_bias: first_layer(LayerTensor::QueryBias),
        query_key_norms: first_layer(LayerTensor::QueryNorm),
        post_norms: first_layer(LayerTensor::PostAttentionNorm),
        embedding_scale: if gemma { super::square_root(hidden) } else { 1.0 },
        attention_scale: attention_scale(architecture, layers, hidden, heads, head_dim),
        attention_softcap: keys.optional_float("attn_logit_softcapping")?,
        final_softcap: keys.optional_float("final_logit_softcapping")?,
        activation: if gemma { Activation::GeluTanh } else { Activation::Silu },
    };
    parameters.check()?;
    Ok(parameters)
}

fn head_dim(keys: &Keys<'_>, hidden: usize, heads: usize) -> Result<usize, CheckpointError> {
    let key = keys.optional_size("attention.key_length")?;
    let value = keys.optional_size("attention.value_length")?;
    if let (Some(key), Some(value)) = (key, value)
        && key != value
    {
        let problem = format!("keys of {key} values beside values of {value} are not supported");
        return Err(impossible(problem));
    }
    match key.or(value) {
        Some(size) => Ok(size),
        None if heads > 0 && hidden.is_multiple_of(heads) => Ok(hidden / heads),
        None => Err(impossible(format!("{heads} heads cannot share {hidden} values"))),
    }
}

fn rope(
    keys: &Keys<'_>,
    architecture: Architecture,
    head_dim: usize,
    tensors: &dyn Tensors,
) -> Result<Rope, CheckpointError> {
    let dimensions = keys.optional_size("rope.dimension_count")?.unwrap_or(head_dim);
    let gemma = architecture == Architecture::Gemma3;
    let local_theta = keys.optional_float("rope.freq_base_swa")?;
    let llama = architecture == Architecture::Llama;
    Ok(Rope {
        theta: keys.optional_float("rope.freq_base")?.unwrap_or(10_000.0),
        local_theta: local_theta.or(gemma.then_some(GEMMA3_LOCAL_THETA)),
        style: if llama { RopeStyle::Interleaved } else { RopeStyle::HalfSplit },
        dimensions,
        scaling: scaling(keys, tensors)?,
    })
}

fn scaling(keys: &Keys<'_>, tensors: &dyn Tensors) -> Result<RopeScaling, CheckpointError> {
    if tensors.has(TensorName::RopeFactors) {
        return Ok(RopeScaling::Factors(tensors.vector(TensorName::RopeFactors)?));
    }
    let factor = match keys.optional_float("rope.scaling.factor")? {
        None => keys.optional_float("rope.scale_linear")?,
        some => some,
    };
    match (keys.optional_text("rope.scaling.type")?, factor) {
        (Some("none") | None, None) | (Some("none"), Some(_)) => Ok(RopeScaling::None),
        (Some("linear") | None, Some(factor)) => Ok(RopeScaling::Linear { factor }),
        (Some("linear"), None) => Err(missing(&keys.key("rope.scaling.factor"))),
        (Some(other), _) => Err(impossible(format!(
            "`{}` is `{other}`; `none` and `linear` are supported",
            keys.key("rope.scaling.type")
        ))),
    }
}

fn sliding_window(
    keys: &Keys<'_>,
    architecture: Architecture,
    layers: usize,
) -> Result<Option<SlidingWindow>, CheckpointError> {
    let tokens = keys.optional_size("attention.sliding_window")?.filter(|tokens| *tokens > 0);
    let Some(tokens) = tokens else { return Ok(None) };
    let key = keys.key("attention.sliding_window_pattern");
    if keys.metadata.is_array(&key) {
        let local = keys.metadata.integers(&key)?.unwrap_or_default();
        if local.len() != layers {
            return Err(impossible(format!("`{key}` has {} layers, not {layers}", local.len())));
        }
        let local = local.into_iter().map(|local| local != 0).collect();
        return Ok(Some(SlidingWindow { tokens, local }));
    }
    let period = match keys.optional_size("attention.sliding_window_pattern")? {
        Some(period) => period,
        None if architecture == Architecture::Gemma3 => GEMMA3_PERIOD,
        None => 0,
    };
    Ok(Some(SlidingWindow::periodic(tokens, period, layers)))
}

/// Files do not say it; Gemma 3 of 27 B is the only one that leaves the rule.
fn attention_scale(
    architecture: Architecture,
    layers: usize,
    hidden: usize,
    heads: usize,
    head_dim: usize,
) -> f32 {
    let of = match (architecture, layers) {
        (Architecture::Gemma3, 62) => hidden / heads,
        _ => head_dim,
    };
    1.0 / super::square_root(of)
}

/// Keys that start with the architecture's name.
struct Keys<'a> {
    metadata: Described<'a>,
    prefix: &'static str,
}

impl<'a> Keys<'a> {
    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix)
    }

    fn optional_size(&self, name: &str) -> Result<Option<usize>, CheckpointError> {
        let key = self.key(name);
        let number = if self.metadata.is_array(&key) {
            self.same_for_all_layers(&key)?
        } else {
            self.metadata.unsigned(&key)?
        };
        let too_large = |_| impossible(format!("`{key}` is too large"));
        number.map(usize::try_from).transpose().map_err(too_large)
    }

    /// Some files repeat a number for every layer.
    fn same_for_all_layers(&self, key: &str) -> Result<Option<u64>, CheckpointError> {
        let numbers = self.metadata.integers(key)?.unwrap_or_default();
        let first = numbers.first().copied().unwrap_or_default();
        if numbers.iter().any(|number| *number != first) {
            return Err(impossible(format!("`{key}` differs between layers: not supported")));
        }
        let number = u64::try_from(first);
        number.map(Some).map_err(|_| impossible(format!("`{key}` is negative")))
    }

    fn size(&self, name: &str) -> Result<usize, CheckpointError> {
        self.optional_size(name)?.ok_or_else(|| missing(&self.key(name)))
    }

    #[expect(clippy::cast_possible_truncation, reason = "files hold 32 bits")]
    fn optional_float(&self, name: &str) -> Result<Option<f32>, CheckpointError> {
        Ok(self.metadata.float(&self.key(name))?.map(|value| value as f32))
    }

    fn float(&self, name: &str) -> Result<f32, CheckpointError> {
        self.optional_float(name)?.ok_or_else(|| missing(&self.key(name)))
    }

    fn optional_text(&self, name: &str) -> Result<Option<&'a str>, CheckpointError> {
        Ok(self.metadata.text(&self.key(name))?)
    }

    fn refuse_experts(&self) -> Result<(), CheckpointError> {
        match self.optional_size("expert_count")? {
            None | Some(0) => Ok(()),
            Some(experts) => Err(impossible(format!(
                "`{}` is {experts}: mixtures of experts are not supported",
                self.key("expert_count")
            ))),
        }
    }
}

fn missing(key: &str) -> CheckpointError {
    CheckpointError::MissingKey { key: key.to_owned() }
}
