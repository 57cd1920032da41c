//! From files to a model that has answered its first request.

use std::{fs, path::Path, sync::Arc};

use protocol::model_config::ModelConfig;

use crate::{
    Clock, Engine, LoadError, LoadOverrides, LoadSpec, Loaded, Model, Repository,
    config::{batcher_options, complete, instance_count},
    interface::Interface,
    model::Runner,
    scheduler::{Scheduler, SchedulerOptions},
    warmup::{file_within, warm_up},
};

use super::source::Source;

/// More files than this are not taken with a load request.
const UPLOADED_FILES_MAX: usize = 1024;

impl Repository {
    /// Loads every version that the configuration chooses.
    ///
    /// # Errors
    ///
    /// The first version's that fails; nothing is left of the others.
    pub(super) fn build(
        &self,
        name: &str,
        source: &Source,
        overrides: LoadOverrides,
    ) -> Result<Vec<Arc<Model>>, LoadError> {
        let given = match overrides.config {
            Some(config) => config,
            None => source.config(self.options.config_name.as_deref())?,
        };
        let given = Arc::new(named(given, name)?);
        let uploaded = upload(&overrides.files)?;
        let source = match &uploaded {
            Some(folder) => Source::Folder(folder.path().to_owned()),
            None => source.clone(),
        };
        let versions = source.versions(&given)?;
        let mut uploaded = uploaded;
        let mut models = Vec::with_capacity(versions.len());
        for (version, path) in versions {
            let built = self.build_version(name, version, &path, &source, &given);
            let mut model = built.map_err(|error| error.of_version(version))?;
            model.uploaded = uploaded.take();
            models.push(Arc::new(model));
        }
        Ok(models)
    }

    fn build_version(
        &self,
        name: &str,
        version: u64,
        path: &Path,
        source: &Source,
        given: &Arc<ModelConfig>,
    ) -> Result<Model, LoadError> {
        let started = Clock::now();
        let engine = self.engine(given, path)?;
        let spec = LoadSpec {
            name: name.to_owned(),
            version,
            path: model_path(given, &**engine, path)?,
            config: given.clone(),
            intra_op_threads: self.options.intra_op_threads,
        };
        let loaded = engine.load(&spec)?;
        let (signature, description) = match &loaded {
            Loaded::Executors(factory) => (factory.signature().clone(), factory.description()),
            Loaded::Backend(backend) => (backend.signature().clone(), backend.description()),
        };
        let mut config = if self.options.complete_configs {
            complete(given, &signature, &self.options.defaults)?
        } else {
            require_complete(given)?
        };
        engine.name().clone_into(&mut config.backend);
        engine.platform().clone_into(&mut config.platform);
        let interface = Arc::new(Interface::new(&config, &signature)?);
        let text_encoder = match &loaded {
            Loaded::Executors(factory) => factory.text_encoder(),
            Loaded::Backend(_) => None,
        };
        let runner = match loaded {
            Loaded::Backend(backend) => Runner::Own(backend),
            Loaded::Executors(factory) => {
                let options = SchedulerOptions {
                    batcher: batcher_options(&config, &self.options.defaults)?,
                    instances: instance_count(&config),
                    hang_limit: self.options.hang_limit,
                    inline: self.inline.clone(),
                    inline_compute_max: self.options.inline_compute_max,
                };
                let scheduler = Scheduler::start(name, interface.clone(), factory, options)?;
                let warm = warm_up(&config, source.folder(), &interface, &scheduler);
                warm.inspect_err(|_| scheduler.close())?;
                Runner::Scheduled(scheduler)
            }
        };
        tracing::info!(model = name, version, how = description, "loaded");
        Ok(Model {
            name: name.to_owned(),
            version,
            version_text: version.to_string(),
            platform: config.platform.clone(),
            labels: labels(&config, source.folder())?,
            config,
            description,
            interface,
            runner,
            text_encoder,
            load_duration: Clock::now().since(started),
            in_flight: self.in_flight.clone(),
            uploaded: None,
        })
    }

    /// The engine that the configuration names, or the one whose file is there.
    fn engine(&self, config: &ModelConfig, path: &Path) -> Result<&Arc<dyn Engine>, LoadError> {
        let known = || {
            let names: Vec<&str> = self.engines.iter().map(|engine| engine.name()).collect();
            names.join("', '")
        };
        if !config.backend.is_empty() || !config.platform.is_empty() {
            let named = self.engines.iter().find(|engine| {
                engine.name() == config.backend
                    || (config.backend.is_empty() && engine.platform() == config.platform)
            });
            return named.ok_or_else(|| {
                LoadError::Config(format!(
                    "no engine for backend '{}', platform '{}'; there is '{}'",
                    config.backend,
                    config.platform,
                    known()
                ))
            });
        }
        let fits = |engine: &&Arc<dyn Engine>| match config.default_model_filename.as_str() {
            "" => engine.find(path).is_some(),
            file => engine.find(&path.join(file)).is_some(),
        };
        self.engines.iter().find(fits).ok_or_else(|| {
            let files: Vec<&str> =
                self.engines.iter().map(|engine| engine.default_model_filename()).collect();
            LoadError::Model(format!(
                "{} holds no model: expected '{}'",
                path.display(),
                files.join("' or '")
            ))
        })
    }
}

impl LoadError {
    fn of_version(self, version: u64) -> Self {
        let text = format!("version {version}: {self}");
        match self {
            Self::Engine(_) => Self::Engine(text),
            Self::Model(_) => Self::Model(text),
            Self::Config(_) => Self::Config(text),
        }
    }
}

fn named(mut config: ModelConfig, name: &str) -> Result<ModelConfig, LoadError> {
    if !config.name.is_empty() && config.name != name {
        return Err(LoadError::Config(format!(
            "the configuration says name '{}', the folder '{name}': make them equal or leave the name out",
            config.name
        )));
    }
    name.clone_into(&mut config.name);
    Ok(config)
}

/// The model of a version folder; `path` itself if it is the model.
fn model_path(
    config: &ModelConfig,
    engine: &dyn Engine,
    path: &Path,
) -> Result<std::path::PathBuf, LoadError> {
    let file = match config.default_model_filename.as_str() {
        _ if path.is_file() => return Ok(path.to_owned()),
        "" => match engine.find(path) {
            Some(found) => return Ok(found),
            None => engine.default_model_filename(),
        },
        own => own,
    };
    file_within(path, file)
        .map_err(|error| LoadError::Config(format!("default_model_filename: {error}")))
}

fn require_complete(config: &ModelConfig) -> Result<ModelConfig, LoadError> {
    if config.input.is_empty() || config.output.is_empty() {
        return Err(LoadError::Config(
            "the configuration must give every input and output while completing is switched off"
                .to_owned(),
        ));
    }
    Ok(config.clone())
}

/// The lines of each output's label file.
fn labels(config: &ModelConfig, folder: &Path) -> Result<Vec<(String, Vec<String>)>, LoadError> {
    let labelled = config.output.iter().filter(|output| !output.label_filename.is_empty());
    let read = labelled.map(|output| {
        let file = file_within(folder, &output.label_filename);
        let text = file.and_then(|path| {
            fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
        });
        let text = text.map_err(|error| {
            LoadError::Config(format!("label_filename of output '{}': {error}", output.name))
        })?;
        Ok((output.name.clone(), text.lines().map(str::to_owned).collect()))
    });
    read.collect()
}

/// Lays files that came with a request into a folder of their own.
fn upload(files: &[(String, bytes::Bytes)]) -> Result<Option<tempfile::TempDir>, LoadError> {
    if files.is_empty() {
        return Ok(None);
    }
    if files.len() > UPLOADED_FILES_MAX {
        return Err(LoadError::Config(format!(
            "{} files came with the request; at most {UPLOADED_FILES_MAX}",
            files.len()
        )));
    }
    let failed = |error: std::io::Error| LoadError::Model(format!("uploaded files: {error}"));
    let folder = tempfile::Builder::new().prefix("hone-model-").tempdir().map_err(failed)?;
    for (name, content) in files {
        let path = file_within(folder.path(), name).map_err(LoadError::Config)?;
        fs::create_dir_all(path.parent().unwrap_or(folder.path())).map_err(failed)?;
        fs::write(path, content).map_err(failed)?;
    }
    Ok(Some(folder))
}
