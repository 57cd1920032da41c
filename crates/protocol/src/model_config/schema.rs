//! The document's schema at run time, and what it has to say about names that are not in it.

use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, EnumDescriptor, MessageDescriptor};

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

/// Says that a message has no such field.
pub(super) fn unknown_field(name: &str, owner: &MessageDescriptor) -> String {
    let known: Vec<_> = owner.fields().map(|known| known.name().to_owned()).collect();
    format!("unknown field `{name}` of {}{}", short(owner.full_name()), did_you_mean(name, &known))
}

/// Says that an enumeration has no such value.
pub(super) fn unknown_value(name: &str, owner: &EnumDescriptor) -> String {
    let known: Vec<_> = owner.values().map(|known| known.name().to_owned()).collect();
    format!("unknown value `{name}` of {}{}", short(owner.full_name()), did_you_mean(name, &known))
}

/// Every name that a field or, with `values`, an enumeration's value may have.
pub(super) fn all_names(values: bool) -> Vec<String> {
    let fields = POOL.all_messages().flat_map(|message| {
        message.fields().map(|field| field.name().to_owned()).collect::<Vec<_>>()
    });
    let constants = POOL
        .all_enums()
        .flat_map(|known| known.values().map(|value| value.name().to_owned()).collect::<Vec<_>>());
    if values { constants.collect() } else { fields.collect() }
}

/// A message's or enumeration's name without its package.
pub(super) fn short(full_name: &str) -> &str {
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
