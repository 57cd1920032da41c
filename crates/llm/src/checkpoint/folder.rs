//! A model as Hugging Face's libraries save it: a folder of JSON and safetensors files.

mod weights;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use kernels::Stored;
use serde_json::{Map, Value};

use super::{CheckpointError, TensorName, Tensors};
use crate::{
    hyperparameters::{self, Architecture, Hyperparameters, Values},
    tokenizer::{self, Tokenizer},
};
use weights::Weights;

/// Configurations are kilobytes, tokenizers up to some tens of megabytes.
const JSON_BYTES_MAX: u64 = 256 << 20;

/// What stands before `embed_tokens`, with and without other parts beside the decoder.
const PREFIXES: [&str; 4] = ["model.", "language_model.model.", "model.language_model.", ""];

#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    config: Map<String, Value>,
    architecture: Architecture,
    weights: Weights,
    prefix: &'static str,
}

impl Folder {
    pub(super) fn open(path: &Path) -> Result<Self, CheckpointError> {
        let file = path.join("config.json");
        let config = read_object(&file)?.ok_or_else(|| {
            let problem = "neither a GGUF file nor `config.json`".to_owned();
            CheckpointError::NoModel { problem }.within(path)
        })?;
        let architecture = hyperparameters::architecture_of_config(&config)
            .map_err(|error| error.within(&file))?;
        refuse_quantised(&config).map_err(|error| error.within(&file))?;
        let weights = Weights::open(path)?;
        let embedding = TensorName::Embedding.in_transformers(architecture);
        let prefix = PREFIXES
            .into_iter()
            .find(|prefix| weights.has(&format!("{prefix}{embedding}")))
            .unwrap_or(PREFIXES[0]);
        Ok(Self { path: path.to_owned(), config, architecture, weights, prefix })
    }

    pub(super) fn hyperparameters(&self) -> Result<Hyperparameters, CheckpointError> {
        hyperparameters::from_config(&self.config, self)
            .map_err(|error| error.within(&self.path.join("config.json")))
    }

    pub(super) fn tokenizer(&self, vocabulary: usize) -> Result<Tokenizer, CheckpointError> {
        let file = self.path.join("tokenizer.json");
        let json = read_limited(&file)?.ok_or_else(|| {
            let problem = "`tokenizer.json` is missing; other tokenizers can be saved as one by \
                           `AutoTokenizer.from_pretrained(..., use_fast=True).save_pretrained(...)`";
            CheckpointError::NoModel { problem: problem.to_owned() }.within(&self.path)
        })?;
        let config = self.tokenizer_config()?;
        let ends = self.ends_of_generation()?;
        tokenizer::from_json(&json, &config, &ends, vocabulary)
            .map_err(|error| CheckpointError::from(error).within(&file))
    }

    fn tokenizer_config(&self) -> Result<Map<String, Value>, CheckpointError> {
        Ok(read_object(&self.path.join("tokenizer_config.json"))?.unwrap_or_default())
    }

    /// Ids from `generation_config.json`, else from `config.json`.
    fn ends_of_generation(&self) -> Result<Vec<u32>, CheckpointError> {
        let generation = read_object(&self.path.join("generation_config.json"))?;
        let text = self.config.get("text_config").and_then(Value::as_object);
        let sources = [generation.as_ref(), Some(&self.config), text];
        let find = |key: &str| {
            let values = sources.iter().flatten().filter_map(|map| map.get(key));
            values.map(ids_of).find(|ids| !ids.is_empty()).unwrap_or_default()
        };
        Ok(find("eos_token_id"))
    }

    /// `chat_template.jinja`, else the template of `tokenizer_config.json`.
    pub(super) fn chat_template(&self) -> Result<Option<String>, CheckpointError> {
        let file = self.path.join("chat_template.jinja");
        if let Some(bytes) = read_limited(&file)? {
            let not_text = |_| io::Error::new(io::ErrorKind::InvalidData, "this is no UTF-8 text");
            let text = String::from_utf8(bytes).map_err(not_text);
            return text.map(Some).map_err(|error| CheckpointError::from(error).within(&file));
        }
        let config = self.tokenizer_config()?;
        Ok(config.get("chat_template").and_then(default_template).map(str::to_owned))
    }

    fn full_name(&self, name: TensorName) -> String {
        let inner = name.in_transformers(self.architecture);
        match name {
            TensorName::Output => {
                format!("{}{inner}", self.prefix.strip_suffix("model.").unwrap_or_default())
            }
            _ => format!("{}{inner}", self.prefix),
        }
    }
}

impl Tensors for Folder {
    fn find(&self, name: TensorName) -> Result<Option<Stored<'_>>, CheckpointError> {
        self.weights.find(&self.full_name(name))
    }

    fn has(&self, name: TensorName) -> bool {
        self.weights.has(&self.full_name(name))
    }

    fn file_name(&self, name: TensorName) -> String {
        self.full_name(name)
    }

    fn release_pages(&self) {
        self.weights.release_pages();
    }
}

/// One template, or the one of a list that is named `default`.
fn default_template(value: &Value) -> Option<&str> {
    match value {
        Value::String(template) => Some(template),
        Value::Array(named) => {
            let default = named.iter().find(|entry| entry.get("name") == Some(&"default".into()));
            default?.get("template")?.as_str()
        }
        _ => None,
    }
}

fn ids_of(value: &Value) -> Vec<u32> {
    let one = |value: &Value| u32::try_from(value.as_u64()?).ok();
    match value {
        Value::Array(values) => values.iter().filter_map(one).collect(),
        single => one(single).into_iter().collect(),
    }
}

/// Weights that need more than their values to be read.
fn refuse_quantised(config: &Map<String, Value>) -> Result<(), CheckpointError> {
    let Some(quantisation) = (Values { map: config }).optional_object("quantization_config")?
    else {
        return Ok(());
    };
    let method = quantisation.optional_text("quant_method")?.unwrap_or("unknown");
    let problem = format!(
        "weights quantised by `{method}` are not supported: use the model's F32, F16 or BF16 weights, \
         or a GGUF file"
    );
    Err(CheckpointError::Hyperparameters { problem })
}

fn read_object(file: &Path) -> Result<Option<Map<String, Value>>, CheckpointError> {
    let Some(bytes) = read_limited(file)? else { return Ok(None) };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| CheckpointError::from(error).within(file))
}

/// The bytes of a file, if there is one.
fn read_limited(file: &Path) -> Result<Option<Vec<u8>>, CheckpointError> {
    let read = || -> io::Result<Option<Vec<u8>>> {
        let length = match fs::metadata(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            metadata => metadata?.len(),
        };
        if length > JSON_BYTES_MAX {
            let problem = format!("{length} bytes are above the limit of {JSON_BYTES_MAX}");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, problem));
        }
        fs::read(file).map(Some)
    };
    read().map_err(|error| CheckpointError::from(error).within(file))
}
