use serde::Deserialize;
use serde_json::Value;

use super::Target;
use crate::MeasureError;

/// What a V2 server says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ServerMetadata {
    /// Name.
    #[serde(default)]
    pub name: String,
    /// Version.
    #[serde(default)]
    pub version: String,
}

/// What a V2 server says about a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ModelMetadata {
    /// Name.
    pub name: String,
    /// Inputs.
    #[serde(default)]
    pub inputs: Vec<TensorMetadata>,
    /// Outputs.
    #[serde(default)]
    pub outputs: Vec<TensorMetadata>,
}

/// An input or output.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct TensorMetadata {
    /// Name.
    pub name: String,
    /// Element type, such as `FP32`.
    pub datatype: String,
    /// Dimensions, the batch's too; -1 where any size will do.
    #[serde(default)]
    pub shape: Vec<i64>,
}

impl Target {
    /// Asks a V2 server about itself; one that does not tell is nameless.
    #[must_use]
    pub fn server_metadata(&self) -> ServerMetadata {
        if self.is_grpc {
            return self.grpc_server_metadata().unwrap_or_default();
        }
        let document = self.get("/v2").ok();
        document.and_then(|document| serde_json::from_value(document).ok()).unwrap_or_default()
    }

    /// Asks a V2 server about a model.
    ///
    /// # Errors
    ///
    /// The server cannot be reached or does not know the model.
    pub fn model_metadata(
        &self,
        model: &str,
        version: &str,
    ) -> Result<ModelMetadata, MeasureError> {
        if self.is_grpc {
            return self.grpc_model_metadata(model, version);
        }
        let path = match version {
            "" => format!("/v2/models/{model}"),
            version => format!("/v2/models/{model}/versions/{version}"),
        };
        let document = self.get(&path)?;
        serde_json::from_value(document).map_err(|error| MeasureError::Unexpected {
            what: format!("{}{path} is no metadata of a model: {error}", self.url),
        })
    }

    /// The model's largest batch, as its configuration says; 0 if it does not batch or does not tell.
    #[must_use]
    pub fn batch_max(&self, model: &str) -> u64 {
        if self.is_grpc {
            return self.grpc_batch_max(model).unwrap_or_default();
        }
        let config = self.get(&format!("/v2/models/{model}/config"));
        config.ok().and_then(|config| config["max_batch_size"].as_u64()).unwrap_or_default()
    }

    /// Names of the models that a V2 server has ready.
    ///
    /// # Errors
    ///
    /// The server cannot be reached or has no index.
    pub fn ready_models(&self) -> Result<Vec<String>, MeasureError> {
        if self.is_grpc {
            return self.grpc_ready_models();
        }
        let index = self.post("/v2/repository/index", &serde_json::json!({}))?;
        let is_ready = |model: &&Value| model["state"] == "READY";
        let models = index.as_array().into_iter().flatten().filter(is_ready);
        let mut names: Vec<String> =
            models.filter_map(|model| model["name"].as_str().map(str::to_owned)).collect();
        names.dedup();
        Ok(names)
    }

    /// Names of the models that an OpenAI server has.
    ///
    /// # Errors
    ///
    /// The server cannot be reached or has no list.
    pub fn openai_models(&self) -> Result<Vec<String>, MeasureError> {
        let list = self.get("/v1/models")?;
        let models = list["data"].as_array().into_iter().flatten();
        Ok(models.filter_map(|model| model["id"].as_str().map(str::to_owned)).collect())
    }

    /// Tokens of a prompt as the server counts them, by having one token generated or the prompt
    /// embedded.
    ///
    /// # Errors
    ///
    /// The server cannot be reached, or does not count.
    pub fn prompt_tokens(&self, path: &str, body: &Value) -> Result<u64, MeasureError> {
        let answer = self.post(path, body)?;
        answer["usage"]["prompt_tokens"].as_u64().ok_or_else(|| MeasureError::Unexpected {
            what: format!(
                "{}{path} does not say how many tokens a prompt has (`usage.prompt_tokens`); give prompts \
                 with --input instead of --prompt-tokens",
                self.url
            ),
        })
    }
}
