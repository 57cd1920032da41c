//! Which models there are, in which state, and how they come and go.

mod change;
mod load;
mod source;

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    path::PathBuf,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex, RwLock};
use protocol::model_config::ModelConfig;

use crate::{
    Clock, Engine, ErrorKind, LoadError, Model, ModelDefaults, ServeError, model::InFlight,
    scheduler::InlineLimit,
};
use source::{Fingerprint, Source};

/// How often instances are looked after.
const WATCH_INTERVAL: Duration = Duration::from_millis(50);

/// Where the models are and how they are run unless their configuration says otherwise.
#[derive(Clone, Debug)]
pub struct RepositoryOptions {
    /// Repository folders, single model folders or model files.
    pub paths: Vec<PathBuf>,
    /// When models are loaded and unloaded.
    pub control: ControlMode,
    /// File `configs/<name>.pbtxt` that takes the place of `config.pbtxt` where a model has it.
    pub config_name: Option<String>,
    /// Whether missing parts of a configuration are read off the model.
    pub complete_configs: bool,
    /// Whether the server is ready only if every model is.
    pub strict_readiness: bool,
    /// Models loaded at the same time.
    pub load_threads: NonZeroUsize,
    /// Threads that one run of a model may use.
    pub intra_op_threads: NonZeroUsize,
    /// What a configuration that says nothing gets.
    pub defaults: ModelDefaults,
    /// An instance that takes longer for one batch is given up and replaced.
    pub hang_limit: Duration,
    /// Runs at a time on threads that bring requests; fewer than there are such threads.
    pub inline_runs_max: usize,
    /// Models whose runs take no longer may run there.
    pub inline_compute_max: Duration,
    /// Unloading waits so long for requests in flight.
    pub unload_timeout: Duration,
}

/// When models are loaded and unloaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlMode {
    /// All at the start, and never again.
    None,
    /// All at the start; then the folders are looked at again and again.
    Poll(Duration),
    /// Those named at the start (`*` for all), then by request.
    Explicit(Vec<String>),
}

/// State of one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the protocol's own names")]
pub enum ModelState {
    Unknown,
    Ready,
    Unavailable,
    Loading,
    Unloading,
}

impl ModelState {
    /// The protocol's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Ready => "READY",
            Self::Unavailable => "UNAVAILABLE",
            Self::Loading => "LOADING",
            Self::Unloading => "UNLOADING",
        }
    }
}

/// One line of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// Model name.
    pub name: String,
    /// Version; `None` for a model that was never loaded.
    pub version: Option<u64>,
    /// State.
    pub state: ModelState,
    /// Why it is not ready, or what went wrong with the last reload.
    pub reason: String,
}

/// What a request to load a model brings along.
#[derive(Clone, Debug, Default)]
pub struct LoadOverrides {
    /// Takes the place of the model's own configuration.
    pub config: Option<ModelConfig>,
    /// Files as `<version>/<path>`; they take the place of the model's own versions.
    pub files: Vec<(String, Bytes)>,
}

/// All models of a server.
#[derive(Debug)]
pub struct Repository {
    options: RepositoryOptions,
    engines: Vec<Arc<dyn Engine>>,
    entries: RwLock<BTreeMap<String, Entry>>,
    in_flight: InFlight,
    inline: InlineLimit,
    /// The models of the start have been tried.
    started: AtomicBool,
    draining: AtomicBool,
    /// Ends the threads that watch and poll.
    stop: Arc<Stop>,
}

/// A pause that can be cut short.
#[derive(Debug, Default)]
struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

/// One model.
#[derive(Debug, Default)]
struct Entry {
    source: Option<Source>,
    fingerprint: Option<Fingerprint>,
    versions: BTreeMap<u64, Version>,
    /// Whether it should be ready.
    wanted: bool,
    /// Why the last load failed.
    problem: Option<String>,
    /// Held while the model is loaded or unloaded.
    changing: Arc<Mutex<()>>,
}

#[derive(Debug)]
struct Version {
    state: ModelState,
    reason: String,
    /// What answers requests; may still be the old one while a new one loads.
    model: Option<Arc<Model>>,
}

impl Repository {
    /// Looks at the paths; loads nothing yet.
    ///
    /// # Errors
    ///
    /// A path does not exist or is neither a folder of models nor a model.
    pub fn open(
        options: RepositoryOptions,
        engines: Vec<Arc<dyn Engine>>,
    ) -> Result<Arc<Self>, LoadError> {
        let inline = InlineLimit::new(options.inline_runs_max);
        let repository = Arc::new(Self {
            options,
            inline,
            engines,
            entries: RwLock::default(),
            in_flight: InFlight::default(),
            started: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            stop: Arc::default(),
        });
        repository.rescan()?;
        let (watched, stop) = (Arc::downgrade(&repository), repository.stop.clone());
        spawn("hone-watch", move || watch(&watched, &stop))?;
        Ok(repository)
    }

    /// Loads what the control mode asks for at the start, several at a time, and begins to poll if
    /// it asks for that. Blocks until every one is ready or has failed.
    ///
    /// # Errors
    ///
    /// The models that failed, with why. The others serve.
    pub fn start(self: &Arc<Self>) -> Result<(), Vec<(String, ServeError)>> {
        let names = self.initial_names();
        let failures = self.load_all(&names);
        self.started.store(true, Ordering::Release);
        if let ControlMode::Poll(interval) = self.options.control {
            let (polled, stop) = (Arc::downgrade(self), self.stop.clone());
            if let Err(error) = spawn("hone-poll", move || poll(&polled, &stop, interval)) {
                tracing::error!(%error, "the repository is not polled");
            }
        }
        if failures.is_empty() { Ok(()) } else { Err(failures) }
    }

    /// The model that answers requests for `name`; the newest ready version if `version` is empty.
    ///
    /// # Errors
    ///
    /// There is no such model or version, or it is not ready.
    pub fn model(&self, name: &str, version: &str) -> Result<Arc<Model>, ServeError> {
        let entries = self.entries.read();
        let Some(entry) = entries.get(name) else { return Err(unknown_model(name)) };
        let found = if version.is_empty() {
            entry.versions.values().rev().find_map(|version| version.model.as_ref())
        } else {
            let number: u64 = version.parse().map_err(|_| {
                ServeError::invalid(format!("model version '{version}' is not a positive integer"))
            })?;
            entry.versions.get(&number).and_then(|version| version.model.as_ref())
        };
        found.cloned().ok_or_else(|| entry.unavailable(name, version))
    }

    /// Ready versions of a model, ascending.
    #[must_use]
    pub fn versions(&self, name: &str) -> Vec<u64> {
        let entries = self.entries.read();
        let versions = entries.get(name).into_iter().flat_map(|entry| &entry.versions);
        versions.filter(|(_, version)| version.model.is_some()).map(|(number, _)| *number).collect()
    }

    /// Every ready version of every model, by name and version.
    #[must_use]
    pub fn models(&self) -> Vec<Arc<Model>> {
        let entries = self.entries.read();
        let versions = entries.values().flat_map(|entry| entry.versions.values());
        versions.filter_map(|version| version.model.clone()).collect()
    }

    /// Every model with its versions' states.
    #[must_use]
    pub fn index(&self, ready_only: bool) -> Vec<IndexEntry> {
        let entries = self.entries.read();
        let lines = entries.iter().flat_map(|(name, entry)| entry.index(name));
        lines.filter(|line| !ready_only || line.state == ModelState::Ready).collect()
    }

    /// Loads a model or loads it again; the old versions serve until the new ones are ready, and on
    /// if those fail.
    ///
    /// # Errors
    ///
    /// The control mode does not allow it, there is no such model, or it does not load.
    pub async fn load(
        self: &Arc<Self>,
        name: &str,
        overrides: LoadOverrides,
    ) -> Result<(), ServeError> {
        self.allow_control("load")?;
        let (repository, name) = (self.clone(), name.to_owned());
        join(tokio::task::spawn_blocking(move || repository.load_model(&name, overrides)).await)
    }

    /// Unloads a model: takes nothing new, finishes what is in flight, frees its memory.
    ///
    /// # Errors
    ///
    /// The control mode does not allow it, or there is no such model.
    pub async fn unload(
        self: &Arc<Self>,
        name: &str,
        _unload_dependents: bool,
    ) -> Result<(), ServeError> {
        self.allow_control("unload")?;
        let (repository, name) = (self.clone(), name.to_owned());
        join(tokio::task::spawn_blocking(move || repository.unload_model(&name)).await)
    }

    /// Whether the server is ready: started, not shutting down and, if strict, every model ready.
    ///
    /// # Errors
    ///
    /// Says why not.
    pub fn readiness(&self) -> Result<(), String> {
        if self.draining.load(Ordering::Acquire) {
            return Err("the server is shutting down".to_owned());
        }
        if !self.started.load(Ordering::Acquire) {
            return Err("the models are being loaded".to_owned());
        }
        if !self.options.strict_readiness {
            return Ok(());
        }
        let entries = self.entries.read();
        entries.iter().try_for_each(|(name, entry)| entry.check(name))
    }

    /// Turns readiness off; requests are still served.
    pub fn begin_drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Whether models are loaded and unloaded by request.
    #[must_use]
    pub fn takes_control(&self) -> bool {
        matches!(self.options.control, ControlMode::Explicit(_))
    }

    /// Requests inside any model.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight.count()
    }

    /// Ends everything: unloads the models and ends the threads. Call when no request is inside.
    pub fn close(&self) {
        *self.stop.stopped.lock() = true;
        self.stop.changed.notify_all();
        let entries = std::mem::take(&mut *self.entries.write());
        let models = entries.into_values().flat_map(|entry| entry.versions.into_values());
        for model in models.filter_map(|version| version.model) {
            model.close();
        }
    }

    fn allow_control(&self, action: &str) -> Result<(), ServeError> {
        if self.takes_control() {
            return Ok(());
        }
        Err(ServeError::unavailable(format!(
            "explicit model load / unload is not allowed if polling is enabled or models are loaded \
             once: to {action} models by request, start the server with --model-control-mode explicit"
        )))
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        self.close();
    }
}

impl Stop {
    /// Sleeps; `true` when it is time to end.
    fn pause(&self, interval: Duration) -> bool {
        let mut stopped = self.stopped.lock();
        if !*stopped {
            self.changed.wait_for(&mut stopped, interval);
        }
        *stopped
    }
}

impl Entry {
    fn index(&self, name: &str) -> Vec<IndexEntry> {
        let problem = self.problem.clone().unwrap_or_default();
        if self.versions.is_empty() {
            let state = if self.problem.is_some() || self.wanted {
                ModelState::Unavailable
            } else {
                ModelState::Unknown
            };
            return vec![IndexEntry {
                name: name.to_owned(),
                version: None,
                state,
                reason: problem,
            }];
        }
        let line = |(number, version): (&u64, &Version)| IndexEntry {
            name: name.to_owned(),
            version: Some(*number),
            state: version.state,
            reason: if version.reason.is_empty() {
                problem.clone()
            } else {
                version.reason.clone()
            },
        };
        self.versions.iter().map(line).collect()
    }

    fn check(&self, name: &str) -> Result<(), String> {
        if !self.wanted {
            return Ok(());
        }
        if self.versions.values().all(|version| version.model.is_none()) {
            let problem = self.problem.as_deref().unwrap_or("it is being loaded");
            return Err(format!("model '{name}' is not ready: {problem}"));
        }
        for version in self.versions.values() {
            if let Some(model) = &version.model {
                let checked = model.check();
                checked.map_err(|why| format!("model '{name}' is not ready: {why}"))?;
            }
        }
        Ok(())
    }

    fn unavailable(&self, name: &str, version: &str) -> ServeError {
        if version.is_empty() && (self.wanted || self.problem.is_some()) {
            let problem = self.problem.as_deref().unwrap_or("it is being loaded");
            return ServeError::unavailable(format!(
                "Request for unknown model: '{name}' has no available versions: {problem}"
            ));
        }
        if version.is_empty() {
            return ServeError::not_found(format!(
                "Request for unknown model: '{name}' has no available versions: it is not loaded"
            ));
        }
        let ready = self.versions.iter().filter(|(_, version)| version.model.is_some());
        let ready: Vec<String> = ready.map(|(number, _)| number.to_string()).collect();
        ServeError::not_found(format!(
            "Request for unknown model: '{name}' version {version} is not found; ready versions: [{}]",
            ready.join(", ")
        ))
    }
}

fn unknown_model(name: &str) -> ServeError {
    ServeError::not_found(format!("Request for unknown model: '{name}' is not found"))
}

fn join(outcome: Result<Result<(), ServeError>, tokio::task::JoinError>) -> Result<(), ServeError> {
    outcome.unwrap_or_else(|error| Err(ServeError::new(ErrorKind::Internal, error.to_string())))
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), LoadError> {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(body);
    spawned.map(drop).map_err(|error| LoadError::Engine(format!("no thread: {error}")))
}

/// Looks after all instances until the repository is closed or dropped.
fn watch(repository: &Weak<Repository>, stop: &Stop) {
    while !stop.pause(WATCH_INTERVAL) {
        let Some(repository) = repository.upgrade() else { return };
        for model in repository.models() {
            model.watch(Clock::now());
        }
    }
}

/// Follows the folders until the repository is closed or dropped.
fn poll(repository: &Weak<Repository>, stop: &Stop, interval: Duration) {
    while !stop.pause(interval) {
        let Some(repository) = repository.upgrade() else { return };
        repository.follow_folders();
    }
}

#[cfg(test)]
mod tests;
