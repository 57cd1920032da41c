//! What is in force: every key with its value, checked.

use std::{
    net::{IpAddr, Ipv4Addr},
    num::NonZeroUsize,
    path::PathBuf,
    thread,
    time::Duration,
};

use anyhow::{Result, anyhow, bail};
use engines::LanguageOptions;
use serde::Serialize;
use server::{ApiKey, ControlToken};
use serving::{ModelDefaults, RepositoryOptions};

use crate::{
    api_keys, environment,
    language::Language,
    secret::Secret,
    settings::{ControlMode, LogFormat, Mode, Port, Settings},
    traces::Traces,
};

/// Every key of `hone serve`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Config {
    pub paths: Vec<PathBuf>,
    pub host: IpAddr,
    /// Secrets: not among what is printed.
    #[serde(skip)]
    pub api_keys: Vec<ApiKey>,
    pub api_keys_file: Option<PathBuf>,
    pub http_port: Port,
    pub grpc_port: Port,
    pub metrics_port: Port,
    pub http_max_input_size: usize,
    pub http_max_connections: usize,
    pub http_header_timeout_secs: f64,
    pub body_idle_timeout_secs: f64,
    pub http_keep_alive_secs: f64,
    pub grpc_max_message_size: usize,
    pub grpc_max_connections: usize,
    pub grace_secs: f64,
    pub exit_timeout_secs: f64,
    pub model_control_mode: ControlMode,
    pub load_model: Vec<String>,
    /// A secret: not among what is printed.
    #[serde(skip)]
    pub control_token: Option<ControlToken>,
    pub repository_poll_secs: f64,
    pub model_config_name: Option<String>,
    pub auto_complete_config: bool,
    pub exit_on_error: bool,
    pub strict_readiness: bool,
    pub model_load_thread_count: NonZeroUsize,
    pub unload_timeout_secs: f64,
    pub mode: Mode,
    pub default_max_batch_size: u16,
    pub max_queue_requests: usize,
    pub max_queue_bytes: usize,
    pub hang_limit_secs: f64,
    pub inline_compute_micros: u64,
    #[serde(flatten)]
    pub language: Language,
    pub onnxruntime_library: Option<PathBuf>,
    pub cache_dir: PathBuf,
    pub log_level: String,
    pub log_format: LogFormat,
    pub access_log: bool,
    #[serde(flatten)]
    pub traces: Traces,
}

impl Config {
    /// Fills in the defaults and checks what was given.
    ///
    /// # Errors
    ///
    /// A value is out of range, or two contradict each other.
    pub(crate) fn new(settings: Settings) -> Result<Self> {
        let cores = cores();
        let port = |port: Option<Port>, default| port.unwrap_or(Port(Some(default)));
        let load_threads = settings.model_load_thread_count.map_or(Some(cores), NonZeroUsize::new);
        let Some(model_load_thread_count) = load_threads else {
            bail!("model-load-thread-count is 0; give at least 1");
        };
        let traces = Traces::new(&settings, environment::open_telemetry)?;
        let language = Language::new(&settings)?;
        let control_token = settings.control_token.map(Secret::into_text).map(ControlToken::new);
        let control_token = control_token.transpose();
        let config = Self {
            paths: settings.paths.unwrap_or_default(),
            api_keys: api_keys::read(
                settings.api_key.unwrap_or_default(),
                settings.api_keys_file.as_deref(),
            )?,
            api_keys_file: settings.api_keys_file,
            host: settings.host.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            http_port: port(settings.http_port, 8000),
            grpc_port: port(settings.grpc_port, 8001),
            metrics_port: port(settings.metrics_port, 8002),
            http_max_input_size: settings.http_max_input_size.unwrap_or(64 << 20),
            http_max_connections: settings.http_max_connections.unwrap_or(4096),
            http_header_timeout_secs: settings.http_header_timeout_secs.unwrap_or(15.0),
            body_idle_timeout_secs: settings.body_idle_timeout_secs.unwrap_or(30.0),
            http_keep_alive_secs: settings.http_keep_alive_secs.unwrap_or(120.0),
            grpc_max_message_size: settings.grpc_max_message_size.unwrap_or(i32::MAX as usize),
            grpc_max_connections: settings.grpc_max_connections.unwrap_or(4096),
            grace_secs: settings.grace_secs.unwrap_or(1.0),
            exit_timeout_secs: settings.exit_timeout_secs.unwrap_or(30.0),
            model_control_mode: settings.model_control_mode.unwrap_or(ControlMode::None),
            load_model: settings.load_model.unwrap_or_default(),
            control_token: control_token.map_err(|why| anyhow!("control-token {why}"))?,
            repository_poll_secs: settings.repository_poll_secs.unwrap_or(15.0),
            model_config_name: settings.model_config_name,
            auto_complete_config: settings.auto_complete_config.unwrap_or(true),
            exit_on_error: settings.exit_on_error.unwrap_or(true),
            strict_readiness: settings.strict_readiness.unwrap_or(true),
            model_load_thread_count,
            unload_timeout_secs: settings.unload_timeout_secs.unwrap_or(60.0),
            mode: settings.mode.unwrap_or(Mode::Throughput),
            default_max_batch_size: settings.default_max_batch_size.unwrap_or(4),
            max_queue_requests: settings.max_queue_requests.unwrap_or(1024),
            max_queue_bytes: settings.max_queue_bytes.unwrap_or(256 << 20),
            hang_limit_secs: settings.hang_limit_secs.unwrap_or(60.0),
            inline_compute_micros: settings.inline_compute_micros.unwrap_or(100),
            language,
            onnxruntime_library: settings.onnxruntime_library,
            cache_dir: environment::cache_folder(settings.cache_dir.as_deref()),
            log_level: settings.log_level.unwrap_or_else(|| "info".to_owned()),
            log_format: settings.log_format.unwrap_or(LogFormat::Text),
            access_log: settings.access_log.unwrap_or(false),
            traces,
        };
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<()> {
        if self.paths.is_empty() {
            bail!(
                "nothing to serve: give a repository folder, a model folder, an .onnx or a .gguf file"
            );
        }
        if !self.load_model.is_empty() && self.model_control_mode != ControlMode::Explicit {
            bail!("load-model needs model-control-mode explicit; the other modes load everything");
        }
        if self.max_queue_requests == 0 {
            bail!("max-queue-requests is 0: no request could ever wait; give at least 1");
        }
        for (name, seconds) in [
            ("http-header-timeout-secs", self.http_header_timeout_secs),
            ("body-idle-timeout-secs", self.body_idle_timeout_secs),
            ("http-keep-alive-secs", self.http_keep_alive_secs),
            ("grace-secs", self.grace_secs),
            ("exit-timeout-secs", self.exit_timeout_secs),
            ("repository-poll-secs", self.repository_poll_secs),
            ("unload-timeout-secs", self.unload_timeout_secs),
            ("hang-limit-secs", self.hang_limit_secs),
        ] {
            if Duration::try_from_secs_f64(seconds).is_err() || seconds > 1e9 {
                bail!("{name} is {seconds}; give a number of seconds from 0 to a billion");
            }
        }
        if self.hang_limit_secs < 0.001 || self.repository_poll_secs < 0.01 {
            bail!("hang-limit-secs must be at least 0.001, repository-poll-secs at least 0.01");
        }
        Ok(())
    }

    /// The repository's part.
    pub(crate) fn repository(&self) -> RepositoryOptions {
        let cores = cores();
        let (instances, intra_op_threads) = self.mode.division(cores);
        RepositoryOptions {
            paths: self.paths.clone(),
            control: match self.model_control_mode {
                ControlMode::None => serving::ControlMode::None,
                ControlMode::Poll => serving::ControlMode::Poll(seconds(self.repository_poll_secs)),
                ControlMode::Explicit => serving::ControlMode::Explicit(self.load_model.clone()),
            },
            config_name: self.model_config_name.clone(),
            complete_configs: self.auto_complete_config,
            strict_readiness: self.strict_readiness,
            load_threads: self.model_load_thread_count,
            intra_op_threads,
            defaults: ModelDefaults {
                max_batch_size: i32::from(self.default_max_batch_size),
                instances,
                queue_requests_max: self.max_queue_requests,
                queue_bytes_max: self.max_queue_bytes,
            },
            hang_limit: seconds(self.hang_limit_secs),
            inline_runs_max: cores.get(),
            inline_compute_max: Duration::from_micros(self.inline_compute_micros),
            unload_timeout: seconds(self.unload_timeout_secs),
        }
    }

    /// The language models' part.
    pub(crate) fn language(&self) -> LanguageOptions {
        self.language.options(cores(), self.max_queue_requests, seconds(self.hang_limit_secs))
    }

    /// The front ends' part.
    pub(crate) fn server(&self, log: std::sync::Arc<dyn server::LogControl>) -> server::Options {
        let mut options = server::Options::new(log);
        options.threads = cores();
        options.host = self.host;
        options.http_port = self.http_port.0;
        options.grpc_port = self.grpc_port.0;
        options.metrics_port = self.metrics_port.0;
        options.http.body_bytes_max = self.http_max_input_size;
        options.http.connections_max = self.http_max_connections;
        options.http.header_timeout = seconds(self.http_header_timeout_secs);
        options.http.body_idle_timeout = seconds(self.body_idle_timeout_secs);
        options.http.keep_alive = seconds(self.http_keep_alive_secs);
        options.grpc.message_bytes_max = self.grpc_max_message_size;
        options.grpc.connections_max = self.grpc_max_connections;
        options.grpc.body_idle_timeout = seconds(self.body_idle_timeout_secs);
        options.grace = seconds(self.grace_secs);
        options.exit_timeout = seconds(self.exit_timeout_secs);
        options.control_token = self.control_token.clone();
        options.api_keys.clone_from(&self.api_keys);
        options.access_log = self.access_log;
        options.trace = self.traces.options();
        options
    }
}

/// Cores that this process may use: affinity and cgroup quota, not the machine's count.
pub(crate) fn cores() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}
