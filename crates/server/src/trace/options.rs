use std::path::PathBuf;

use super::{TraceEndpoint, TraceLevel, TraceMode, settings::Settings};

/// Which requests are traced, and where traces go. The default is none and nowhere.
#[derive(Clone, Debug)]
pub struct TraceOptions {
    /// Collector that takes spans.
    pub endpoint: Option<TraceEndpoint>,
    /// File that takes traces in Triton's format; files that are split are `FILE.0`, `FILE.1`, ...
    pub file: Option<PathBuf>,
    /// What is recorded; off until it is changed over the network.
    pub level: TraceLevel,
    /// One of so many requests is traced.
    pub rate: u32,
    /// Name of the service, in spans.
    pub service_name: String,
    /// What else is said of this process, in spans.
    pub resource: Vec<(String, String)>,
    /// Traced requests that wait for the collector, and for the disk; more are dropped.
    pub queue_requests_max: usize,
}

impl Default for TraceOptions {
    fn default() -> Self {
        Self {
            endpoint: None,
            file: None,
            level: TraceLevel::OFF,
            rate: 1000,
            service_name: "hone".to_owned(),
            resource: Vec::new(),
            queue_requests_max: 2048,
        }
    }
}

impl TraceOptions {
    /// The settings of the start: to the collector if there is one.
    pub(super) fn settings(&self) -> Settings {
        let mode =
            if self.endpoint.is_some() { TraceMode::OpenTelemetry } else { TraceMode::Triton };
        Settings { level: self.level, rate: self.rate, count: -1, log_frequency: 0, mode }
    }
}
