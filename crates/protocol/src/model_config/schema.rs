//! The document's schema at run time, and what it has to say about names that are not in it.

use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};

use super::ModelConfig;
use crate::FILE_DESCRIPTOR_SET;

const PACKAGE: &str = "inference.";

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("the build wrote these descriptors")
});

/// The descriptor of [`ModelConfig`].
pub(super) fn model_config() -> MessageDescriptor {
    POOL.get_message_by_name("inference.ModelConfig").expect("proto/model_config.proto has it")
}

pub(super) fn to_typed(message: &DynamicMessage) -> ModelConfig {
    ModelConfig::decode(message.encode_to_vec().as_slice()).expect("both are of one schema")
}

pub(super) fn from_typed(config: &ModelConfig) -> DynamicMessage {
    DynamicMessage::decode(model_config(), config.encode_to_vec().as_slice())
        .expect("both are of one schema")
}

/// Rewords an error of the parser that is about an unknown name; leaves others as they are.
pub(super) fn explain(message: &str) -> String {
    unknown_field(message).or_else(|| unknown_value(message)).unwrap_or_else(|| message.to_owned())
}

fn unknown_field(message: &str) -> Option<String> {
    let (field, rest) = message.strip_prefix("field '")?.split_once("' not found for message '")?;
    let owner = rest.strip_suffix('\'')?;
    let fields = POOL.get_message_by_name(owner)?;
    let names: Vec<_> = fields.fields().map(|known| known.name().to_owned()).collect();
    Some(format!("unknown field `{field}` of {}{}", short(owner), did_you_mean(field, &names)))
}

fn unknown_value(message: &str) -> Option<String> {
    let (value, rest) =
        message.strip_prefix("value '")?.split_once("' was not found for enum '")?;
    let owner = rest.strip_suffix('\'')?;
    let values = POOL.get_enum_by_name(owner)?;
    let names: Vec<_> = values.values().map(|known| known.name().to_owned()).collect();
    Some(format!("unknown value `{value}` of {}{}", short(owner), did_you_mean(value, &names)))
}

fn short(full_name: &str) -> &str {
    full_name.strip_prefix(PACKAGE).unwrap_or(full_name)
}

/// `; did you mean ...?`, or all the names where none is near and they are few.
pub(super) fn did_you_mean(name: &str, known: &[String]) -> String {
    let near = known
        .iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().div_ceil(3))
        .min();
    match near {
        Some((_, candidate)) => format!("; did you mean `{candidate}`?"),
        None if known.len() <= 16 => format!("; it has `{}`", known.join("`, `")),
        None => String::new(),
    }
}

/// Insertions, deletions and replacements that make one name of the other; 1 if one ends the other.
fn distance(from: &str, to: &str) -> usize {
    if !from.is_empty() && to.to_ascii_lowercase().ends_with(&from.to_ascii_lowercase()) {
        return usize::from(from.len() != to.len());
    }
    let mut costs: Vec<usize> = (0..=to.len()).collect();
    for (row, left) in from.bytes().enumerate() {
        let mut diagonal = costs[0];
        costs[0] = row + 1;
        for (column, right) in to.bytes().enumerate() {
            let replace = diagonal + usize::from(left != right);
            diagonal = costs[column + 1];
            costs[column + 1] = replace.min(diagonal + 1).min(costs[column] + 1);
        }
    }
    costs[to.len()]
}
