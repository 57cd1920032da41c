//! Llama 2 and 3, SmolLM2, Mistral and what else has their layers.

use super::{Family, LayerParts, Parts};
use crate::{Architecture, CheckpointError};

pub(super) const FAMILY: Family = Family { architecture: Architecture::Llama, layer };

fn layer<'a>(parts: &Parts<'a>) -> Result<LayerParts<'a>, CheckpointError> {
    parts.common()
}
