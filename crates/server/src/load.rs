//! Parameters of loading and unloading a model, under both protocols.

use bytes::Bytes;
use protocol::model_config::{self, ModelConfig};
use serving::{ErrorKind, LoadOverrides, ServeError};

/// What a parameter of a load that carries a file starts with; the rest is `<version>/<path>`.
pub(crate) const FILE_PREFIX: &str = "file:";

/// Gathers a load's parameters.
#[derive(Debug, Default)]
pub(crate) struct LoadParameters {
    config: Option<ModelConfig>,
    files: Vec<(String, Bytes)>,
}

impl LoadParameters {
    /// Takes the parameter `config`: a configuration document in JSON.
    ///
    /// # Errors
    ///
    /// The document is not one; says where.
    pub(crate) fn set_config(&mut self, json: &str) -> Result<(), ServeError> {
        let config = model_config::from_json(json).map_err(|error| {
            ServeError::invalid(format!("parameter 'config' is no model configuration: {error}"))
        })?;
        self.config = Some(config);
        Ok(())
    }

    /// Takes a parameter `file:<version>/<path>`; `path` is without the prefix.
    pub(crate) fn add_file(&mut self, path: &str, content: Bytes) {
        self.files.push((path.to_owned(), content));
    }

    /// All parameters together.
    ///
    /// # Errors
    ///
    /// There are files, but no configuration.
    pub(crate) fn finish(self) -> Result<LoadOverrides, ServeError> {
        let Self { config, mut files } = self;
        if config.is_none() && !files.is_empty() {
            return Err(ServeError::invalid(
                "parameter 'config' must be given together with 'file:' parameters",
            ));
        }
        files.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(LoadOverrides { config, files })
    }
}

/// The error for a parameter that load or unload does not have, or that is of another type.
pub(crate) fn unexpected_parameter(name: &str, call: &str) -> ServeError {
    let known = match call {
        "unload" => "'unload_dependents' (boolean)",
        _ => "'config' (string) and 'file:<version>/<path>' (bytes)",
    };
    ServeError::invalid(format!("parameter '{name}' is not expected in {call}; it takes {known}"))
}

/// There is one repository, without a name.
///
/// # Errors
///
/// A name is given.
pub(crate) fn check_repository_name(name: &str) -> Result<(), ServeError> {
    if name.is_empty() {
        return Ok(());
    }
    Err(ServeError::new(ErrorKind::Unsupported, "'repository_name' specification is not supported"))
}
