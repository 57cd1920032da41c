//! Qwen 2 and 2.5: Llama's layers with biases on queries, keys and values.

use super::{Family, LayerParts, Parts};
use crate::{Architecture, CheckpointError};

pub(super) const FAMILY: Family = Family { architecture: Architecture::Qwen2, layer };

fn layer<'a>(parts: &Parts<'a>) -> Result<LayerParts<'a>, CheckpointError> {
    Ok(LayerParts { qkv_bias: Some(parts.qkv_bias()?), ..parts.common()? })
}
