//! Weights that live in files beside the model.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use crate::{ExternalDataError, Initializer};

/// Where a tensor's data is if it is not in the model file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExternalData {
    /// Path relative to the model's folder, as the model says it.
    pub location: String,
    /// First byte, as the model says it; 0 if it does not.
    pub offset: Option<String>,
    /// Bytes, as the model says it; what the shape needs if it does not.
    pub length: Option<String>,
}

/// The data is held by the program that made the model, not by a file.
pub(crate) const IN_MEMORY: &str = "*/_ORT_MEM_ADDR_/*";

impl ExternalData {
    /// The file, if it is inside of `folder` by its name.
    fn path(&self, folder: &Path) -> Option<PathBuf> {
        let relative = Path::new(&self.location);
        let inside = !self.location.is_empty()
            && self.location != IN_MEMORY
            && relative
                .components()
                .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        inside.then(|| folder.join(relative))
    }
}

/// Checks that the data of `tensor` is there.
pub(crate) fn check(
    tensor: &Initializer,
    external: &ExternalData,
    folder: &Path,
) -> Result<(), ExternalDataError> {
    let name = || tensor.name.clone();
    let path = external.path(folder).ok_or_else(|| ExternalDataError::Escapes {
        tensor: name(),
        location: external.location.clone(),
    })?;
    let size = fs::metadata(&path)
        .map_err(|source| ExternalDataError::Missing {
            tensor: name(),
            path: path.clone(),
            source,
        })?
        .len();
    let offset = number(tensor, "offset", external.offset.as_deref())?.unwrap_or(0);
    let length =
        number(tensor, "length", external.length.as_deref())?.or(tensor.data_bytes()).unwrap_or(0);
    if offset.checked_add(length).is_none_or(|end| end > size) {
        return Err(ExternalDataError::Short { tensor: name(), path, offset, length, size });
    }
    Ok(())
}

fn number(
    tensor: &Initializer,
    key: &str,
    value: Option<&str>,
) -> Result<Option<u64>, ExternalDataError> {
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    value.parse().map(Some).map_err(|_| ExternalDataError::Number {
        tensor: tensor.name.clone(),
        key: key.to_owned(),
        value: value.to_owned(),
    })
}
