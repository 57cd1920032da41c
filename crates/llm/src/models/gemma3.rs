//! Gemma 3: norms before and after attention and feed-forward network, norms over each head, and
//! layers that look back a window only, between layers that look back on everything.

use super::{Family, LayerParts, Parts};
use crate::{Architecture, CheckpointError, LayerTensor};

pub(super) const FAMILY: Family = Family { architecture: Architecture::Gemma3, layer };

fn layer<'a>(parts: &Parts<'a>) -> Result<LayerParts<'a>, CheckpointError> {
    Ok(LayerParts {
        head_norms: Some(parts.head_norms()?),
        attention_output_norm: Some(parts.vector(LayerTensor::PostAttentionNorm)?),
        feed_forward_output_norm: Some(parts.vector(LayerTensor::PostFeedForwardNorm)?),
        ..parts.common()?
    })
}
