//! Calls about the server and its models.

use std::sync::Arc;

use protocol::grpc::{
    LogSettingsRequest, LogSettingsResponse, ModelConfigRequest, ModelConfigResponse,
    ModelMetadataRequest, ModelMetadataResponse, ModelReadyRequest, ModelReadyResponse,
    ModelStatisticsRequest, ModelStatisticsResponse, ServerLiveRequest, ServerLiveResponse,
    ServerMetadataRequest, ServerMetadataResponse, ServerReadyRequest, ServerReadyResponse,
    log_settings_request, log_settings_response, model_metadata_response::TensorMetadata,
};
use serving::{ErrorKind, Model, TensorSpec};
use tonic::Status;

use super::Context;
use crate::{
    log_control::{self, LogValue},
    state::{EXTENSIONS, SERVER_NAME, SERVER_VERSION},
    statistics,
    status::grpc_status,
};

pub(super) async fn server_live(
    _: ServerLiveRequest,
    _: Arc<Context>,
) -> Result<ServerLiveResponse, Status> {
    Ok(ServerLiveResponse { live: true })
}

pub(super) async fn server_ready(
    _: ServerReadyRequest,
    context: Arc<Context>,
) -> Result<ServerReadyResponse, Status> {
    Ok(ServerReadyResponse { ready: context.state.repository.readiness().is_ok() })
}

/// A model that does not exist is not ready, which is no error.
pub(super) async fn model_ready(
    request: ModelReadyRequest,
    context: Arc<Context>,
) -> Result<ModelReadyResponse, Status> {
    let ready = match context.state.repository.model(&request.name, &request.version) {
        Ok(model) => model.check().is_ok(),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unavailable) => false,
        Err(error) => return Err(grpc_status(&error)),
    };
    Ok(ModelReadyResponse { ready })
}

pub(super) async fn server_metadata(
    _: ServerMetadataRequest,
    _: Arc<Context>,
) -> Result<ServerMetadataResponse, Status> {
    Ok(ServerMetadataResponse {
        name: SERVER_NAME.to_owned(),
        version: SERVER_VERSION.to_owned(),
        extensions: EXTENSIONS.map(str::to_owned).to_vec(),
    })
}

pub(super) async fn model_metadata(
    request: ModelMetadataRequest,
    context: Arc<Context>,
) -> Result<ModelMetadataResponse, Status> {
    let model = find(&context, &request.name, &request.version)?;
    let versions = if request.version.is_empty() {
        context.state.repository.versions(&request.name).iter().map(u64::to_string).collect()
    } else {
        vec![model.version_text().to_owned()]
    };
    let tensors = |specs: &[TensorSpec]| specs.iter().map(tensor_metadata).collect();
    Ok(ModelMetadataResponse {
        name: model.name().to_owned(),
        versions,
        platform: model.platform().to_owned(),
        inputs: tensors(model.inputs()),
        outputs: tensors(model.outputs()),
    })
}

fn tensor_metadata(spec: &TensorSpec) -> TensorMetadata {
    TensorMetadata {
        name: spec.name.clone(),
        datatype: spec.data_type.name().to_owned(),
        shape: spec.dims.clone(),
    }
}

pub(super) async fn model_config(
    request: ModelConfigRequest,
    context: Arc<Context>,
) -> Result<ModelConfigResponse, Status> {
    let model = find(&context, &request.name, &request.version)?;
    Ok(ModelConfigResponse { config: Some(model.config().clone()) })
}

pub(super) async fn model_statistics(
    request: ModelStatisticsRequest,
    context: Arc<Context>,
) -> Result<ModelStatisticsResponse, Status> {
    let models = statistics::select(&context.state.repository, &request.name, &request.version)
        .map_err(|error| grpc_status(&error))?;
    let model_stats = models.iter().map(|model| statistics::model_statistics(model)).collect();
    Ok(ModelStatisticsResponse { model_stats })
}

pub(super) async fn log_settings(
    request: LogSettingsRequest,
    context: Arc<Context>,
    may_change: Result<(), Status>,
) -> Result<LogSettingsResponse, Status> {
    use log_settings_request::setting_value::ParameterChoice as Given;
    use log_settings_response::{SettingValue, setting_value::ParameterChoice as Shown};

    let mut changes = Vec::with_capacity(request.settings.len());
    for (name, setting) in request.settings {
        let value = match setting.parameter_choice {
            Some(Given::BoolParam(value)) => LogValue::Bool(value),
            Some(Given::Uint32Param(value)) => LogValue::Uint(value),
            Some(Given::StringParam(value)) => LogValue::Text(value),
            // The reference's clients send settings that they do not change without a value.
            None => continue,
        };
        changes.push((name, value));
    }
    if !changes.is_empty() {
        may_change?;
    }
    let settings =
        log_control::change(&*context.state.log, changes).map_err(Status::invalid_argument)?;
    let entries = settings.entries().into_iter().map(|(name, value)| {
        let shown = match value {
            LogValue::Bool(value) => Shown::BoolParam(value),
            LogValue::Uint(value) => Shown::Uint32Param(value),
            LogValue::Text(value) => Shown::StringParam(value),
        };
        (name.to_owned(), SettingValue { parameter_choice: Some(shown) })
    });
    Ok(LogSettingsResponse { settings: entries.collect() })
}

fn find(context: &Context, name: &str, version: &str) -> Result<Arc<Model>, Status> {
    context.state.repository.model(name, version).map_err(|error| grpc_status(&error))
}
