//! The tensors of one or several safetensors files.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    ops::Range,
    path::Path,
};

use kernels::{Stored, StoredFormat};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

use super::read_object;
use crate::{checkpoint::CheckpointError, mapped_file::MappedFile};

const INDEX: &str = "model.safetensors.index.json";
/// The largest models have some hundreds.
const FILES_MAX: usize = 10_000;

#[derive(Debug)]
pub(super) struct Weights {
    files: Vec<MappedFile>,
    tensors: HashMap<String, Place>,
}

/// Where a tensor is.
#[derive(Debug)]
struct Place {
    file: usize,
    bytes: Range<usize>,
    dtype: Dtype,
    shape: Vec<usize>,
}

impl Weights {
    /// Opens the files that the index names, or all that there are if there is no index.
    pub(super) fn open(folder: &Path) -> Result<Self, CheckpointError> {
        let names = match named_by_index(folder)? {
            Some(names) => names,
            None => all_files(folder)?,
        };
        if names.is_empty() || names.len() > FILES_MAX {
            let problem = format!("{} safetensors files, not 1 to {FILES_MAX}", names.len());
            return Err(CheckpointError::NoModel { problem }.within(folder));
        }
        let mut weights = Self { files: Vec::new(), tensors: HashMap::new() };
        for name in names {
            let file = folder.join(name);
            weights.add(&file).map_err(|error| error.within(&file))?;
        }
        Ok(weights)
    }

    pub(super) fn release_pages(&self) {
        self.files.iter().for_each(MappedFile::release);
    }

    fn add(&mut self, path: &Path) -> Result<(), CheckpointError> {
        let file = MappedFile::open(path)?;
        let (head, metadata) = SafeTensors::read_metadata(file.bytes())?;
        // Behind the length of the head and the head itself.
        let start = 8 + head;
        for (name, tensor) in metadata.tensors() {
            let (first, end) = tensor.data_offsets;
            let place = Place {
                file: self.files.len(),
                bytes: start + first..start + end,
                dtype: tensor.dtype,
                shape: tensor.shape.clone(),
            };
            if self.tensors.insert(name.clone(), place).is_some() {
                let problem = "comes twice".to_owned();
                return Err(CheckpointError::Tensor { name, problem });
            }
        }
        self.files.push(file);
        Ok(())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    pub(super) fn find(&self, name: &str) -> Result<Option<Stored<'_>>, CheckpointError> {
        let Some(place) = self.tensors.get(name) else { return Ok(None) };
        let error = |problem| CheckpointError::Tensor { name: name.to_owned(), problem };
        let format = match place.dtype {
            Dtype::F32 => StoredFormat::F32,
            Dtype::F16 => StoredFormat::F16,
            Dtype::BF16 => StoredFormat::Bf16,
            other => {
                let problem = format!("values of type {other:?} are not supported");
                return Err(error(problem));
            }
        };
        let (rows, columns) = match place.shape[..] {
            [columns] => (1, columns),
            [rows, columns] => (rows, columns),
            _ => return Err(error(format!("has the shape {:?}, which is no matrix", place.shape))),
        };
        let bytes = self.files[place.file].bytes().get(place.bytes.clone());
        let bytes = bytes.ok_or_else(|| error("its values end behind the file".to_owned()))?;
        let stored = Stored::new(format, rows, columns, bytes);
        stored.map(Some).map_err(|problem| error(problem.to_string()))
    }
}

/// Files that `model.safetensors.index.json` names, if it is there.
fn named_by_index(folder: &Path) -> Result<Option<BTreeSet<String>>, CheckpointError> {
    let file = folder.join(INDEX);
    let Some(index) = read_object(&file)? else { return Ok(None) };
    let map = index.get("weight_map").and_then(Value::as_object);
    let missing = || CheckpointError::MissingKey { key: "weight_map".to_owned() };
    let map = map.ok_or_else(|| missing().within(&file))?;
    let plain = |name: &Value| {
        let name = name.as_str()?;
        let is_plain = Path::new(name).file_name().is_some_and(|plain| plain == name);
        is_plain.then(|| name.to_owned())
    };
    let names: Option<BTreeSet<String>> = map.values().map(plain).collect();
    let problem = || "`weight_map` names something that is no file of this folder".to_owned();
    let wrong = || CheckpointError::Hyperparameters { problem: problem() }.within(&file);
    names.map(Some).ok_or_else(wrong)
}

fn all_files(folder: &Path) -> Result<BTreeSet<String>, CheckpointError> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().into_string();
        names.extend(name.ok().filter(|name| name.ends_with(".safetensors")));
    }
    Ok(names)
}
