//! Qwen 3: Llama's layers with a norm over each head of queries and of keys.

use super::{Family, LayerParts, Parts};
use crate::{Architecture, CheckpointError};

pub(super) const FAMILY: Family = Family { architecture: Architecture::Qwen3, layer };

fn layer<'a>(parts: &Parts<'a>) -> Result<LayerParts<'a>, CheckpointError> {
    Ok(LayerParts { head_norms: Some(parts.head_norms()?), ..parts.common()? })
}
