use std::sync::Arc;

use serving::Repository;

use crate::{
    LogControl, api_keys::ApiKeys, control_guard::ControlGuard, shutdown::Shutdown, trace::Tracer,
};

/// Server name in metadata.
pub(crate) const SERVER_NAME: &str = "hone";

/// Server version in metadata.
pub(crate) const SERVER_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Protocol extensions that the server has, in metadata.
pub(crate) const EXTENSIONS: [&str; 11] = [
    "classification",
    "model_repository",
    "model_repository(unload_dependents)",
    "schedule_policy",
    "model_configuration",
    "binary_tensor_data",
    "parameters",
    "statistics",
    "logging",
    "trace",
    "generate",
];

/// What every front end shares. Nothing in it changes while the server runs but through its owner.
#[derive(Debug)]
pub(crate) struct State {
    /// The models. Owned by the core; front ends ask and load through it.
    pub(crate) repository: Arc<Repository>,
    /// Log settings. Owned by the command line.
    pub(crate) log: Arc<dyn LogControl>,
    /// Who may change models and settings. Fixed at start.
    pub(crate) control: ControlGuard,
    /// Who may have text generated. Fixed at start.
    pub(crate) api_keys: ApiKeys,
    /// Whether requests are logged. Fixed at start.
    pub(crate) access_log: bool,
    /// Which requests are traced, and where to.
    pub(crate) tracer: Tracer,
    /// How far the server is from its end. Owned by [`Server`](crate::Server).
    pub(crate) shutdown: Shutdown,
}
