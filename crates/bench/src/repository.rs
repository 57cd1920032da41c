//! Model repositories that the servers under test are given, in a temporary folder.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use onnx::ElementType;

use crate::server::Places;

/// One input or output of a [`ServedModel`], without the batch dimension.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Port {
    name: &'static str,
    data_type: &'static str,
    dims: &'static str,
}

/// A model that every server serves under the same name.
#[derive(Clone, Debug)]
pub(crate) struct ServedModel {
    /// Name.
    pub(crate) name: &'static str,
    inputs: Vec<Port>,
    output: Port,
    batch_max: u32,
    /// Dimensions of the identity model that is written; `None` for a file of the models folder.
    identity: Option<&'static [i64]>,
}

const fn fp32(name: &'static str, dims: &'static str) -> Port {
    Port { name, data_type: "TYPE_FP32", dims }
}

const fn int64(name: &'static str, dims: &'static str) -> Port {
    Port { name, data_type: "TYPE_INT64", dims }
}

/// `[batch, 16]`, the smallest useful request.
pub(crate) fn identity_small() -> ServedModel {
    identity("identity_small", "16", &[-1, 16], 64)
}

/// `[batch, 3, 224, 224]`, an image.
pub(crate) fn identity_large() -> ServedModel {
    identity("identity_large", "3, 224, 224", &[-1, 3, 224, 224], 8)
}

fn identity(
    name: &'static str,
    dims: &'static str,
    onnx_dims: &'static [i64],
    batch_max: u32,
) -> ServedModel {
    let (input, output) = (fp32("INPUT0", dims), fp32("OUTPUT0", dims));
    ServedModel { name, inputs: vec![input], output, batch_max, identity: Some(onnx_dims) }
}

/// Sentence embeddings.
pub(crate) fn minilm() -> ServedModel {
    let inputs = ["input_ids", "attention_mask", "token_type_ids"].map(|name| int64(name, "-1"));
    ServedModel {
        name: "minilm",
        inputs: inputs.to_vec(),
        output: fp32("sentence_embedding", "384"),
        batch_max: 8,
        identity: None,
    }
}

/// A small classifier: 64 pixels to 10 probabilities.
pub(crate) fn digits_mlp() -> ServedModel {
    ServedModel {
        name: "digits_mlp",
        inputs: vec![fp32("X", "64")],
        output: fp32("probabilities", "10"),
        batch_max: 64,
        identity: None,
    }
}

impl ServedModel {
    /// The file: written for identity models, else that of the models folder.
    fn file(&self, models: &Path, folder: &Path) -> Result<PathBuf> {
        let file = match self.identity {
            Some(dims) => {
                let file = folder.join(format!("{}.onnx", self.name));
                fs::write(&file, onnx::build::identity(ElementType::Float32, dims))?;
                file
            }
            None => models.join(self.name).join("1/model.onnx"),
        };
        let found = file.is_file();
        ensure!(found, "{} is missing; `cargo xtask models` brings it", file.display());
        Ok(file)
    }

    /// A configuration as users write it: types, shapes, a batch limit and dynamic batching.
    fn config(&self, backend: &str) -> String {
        let ports = |ports: &[Port]| ports.iter().map(Port::config).collect::<Vec<_>>().join(", ");
        format!(
            "backend: \"{backend}\"\nmax_batch_size: {}\ninput [{}]\noutput [{}]\ndynamic_batching {{}}\n",
            self.batch_max,
            ports(&self.inputs),
            ports(&[self.output]),
        )
    }
}

impl Port {
    fn config(&self) -> String {
        format!("{{ name: \"{}\" data_type: {} dims: [{}] }}", self.name, self.data_type, self.dims)
    }
}

/// Repositories of the same models for each kind of server.
#[derive(Debug)]
pub(crate) struct Repositories {
    /// ONNX files. Identity models have a configuration, the others show what Hone makes of none.
    pub(crate) onnx: PathBuf,
    /// The same for Triton's Python backend.
    pub(crate) triton: PathBuf,
}

impl Repositories {
    /// Writes them into `folder`.
    pub(crate) fn write(
        served: &[ServedModel],
        models: &Path,
        places: &Places,
        folder: &Path,
        instances: usize,
    ) -> Result<Self> {
        let repositories = Self { onnx: folder.join("onnx"), triton: folder.join("triton") };
        for model in served {
            let file = model.file(models, folder)?;
            let onnx = repositories.onnx.join(model.name);
            fs::create_dir_all(onnx.join("1"))?;
            symlink(&file, onnx.join("1/model.onnx")).context("a model is there twice")?;
            if model.identity.is_some() {
                fs::write(onnx.join("config.pbtxt"), model.config("onnxruntime"))?;
            }
            let triton = repositories.triton.join(model.name);
            fs::create_dir_all(triton.join("1"))?;
            fs::copy(places.peers.join("triton_model.py"), triton.join("1/model.py"))?;
            fs::write(triton.join("config.pbtxt"), triton_config(model, &file, instances))?;
        }
        Ok(repositories)
    }
}

fn triton_config(model: &ServedModel, file: &Path, instances: usize) -> String {
    let mut config = model.config("python");
    config += &format!("instance_group [{{ count: {instances} kind: KIND_CPU }}]\n");
    if model.identity.is_none() {
        let file = file.display();
        config += &format!("parameters {{ key: \"onnx\" value {{ string_value: \"{file}\" }} }}\n");
    }
    config
}
