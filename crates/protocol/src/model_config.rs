//! The model configuration document: generated types, and its text and JSON forms.

pub use crate::inference::model_config::SchedulingChoice;
pub use crate::inference::{
    BatchInput, BatchOutput, DataType, ModelConfig, ModelDynamicBatching, ModelEnsembling,
    ModelInput, ModelInstanceGroup, ModelMetrics, ModelOperations, ModelOptimizationPolicy,
    ModelOutput, ModelParameter, ModelQueuePolicy, ModelRateLimiter, ModelRepositoryAgents,
    ModelResponseCache, ModelSequenceBatching, ModelTensorReshape, ModelTransactionPolicy,
    ModelVersionPolicy, ModelWarmup, batch_input, batch_output, model_ensembling, model_input,
    model_instance_group, model_metrics, model_optimization_policy, model_queue_policy,
    model_rate_limiter, model_repository_agents, model_sequence_batching, model_version_policy,
    model_warmup,
};

mod error;
mod json;
mod schema;
mod text;

pub use error::ConfigError;
pub use json::{from_json, to_json};
pub use text::from_text;

/// Size of the largest document that is read, in bytes.
pub const CONFIG_BYTES_MAX: usize = 1 << 20;
