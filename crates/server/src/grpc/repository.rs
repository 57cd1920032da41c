//! Calls that load and unload models.

use std::sync::Arc;

use protocol::grpc::{
    RepositoryIndexRequest, RepositoryIndexResponse, RepositoryModelLoadRequest,
    RepositoryModelLoadResponse, RepositoryModelUnloadRequest, RepositoryModelUnloadResponse,
    model_repository_parameter::ParameterChoice, repository_index_response::ModelIndex,
};
use serving::{IndexEntry, LoadOverrides, ServeError};
use tonic::Status;

use super::Context;
use crate::{
    load::{FILE_PREFIX, LoadParameters, check_repository_name, unexpected_parameter},
    status::grpc_status,
};

pub(super) async fn index(
    request: RepositoryIndexRequest,
    context: Arc<Context>,
) -> Result<RepositoryIndexResponse, Status> {
    check_repository_name(&request.repository_name).map_err(|error| grpc_status(&error))?;
    let entries = context.state.repository.index(request.ready);
    Ok(RepositoryIndexResponse { models: entries.into_iter().map(model_index).collect() })
}

fn model_index(entry: IndexEntry) -> ModelIndex {
    let IndexEntry { name, version, state, reason } = entry;
    ModelIndex {
        name,
        version: version.map_or_else(String::new, |version| version.to_string()),
        state: state.name().to_owned(),
        reason,
    }
}

pub(super) async fn load(
    request: RepositoryModelLoadRequest,
    context: Arc<Context>,
) -> Result<RepositoryModelLoadResponse, Status> {
    let name = request.model_name.clone();
    let overrides = overrides(request).map_err(|error| grpc_status(&error))?;
    let repository = Arc::clone(&context.state.repository);
    repository.load(&name, overrides).await.map_err(|error| grpc_status(&error))?;
    Ok(RepositoryModelLoadResponse {})
}

fn overrides(request: RepositoryModelLoadRequest) -> Result<LoadOverrides, ServeError> {
    check_repository_name(&request.repository_name)?;
    let mut parameters = LoadParameters::default();
    for (name, parameter) in request.parameters {
        match (&*name, name.strip_prefix(FILE_PREFIX), parameter.parameter_choice) {
            ("config", _, Some(ParameterChoice::StringParam(json))) => {
                parameters.set_config(&json)?
            }
            (_, Some(path), Some(ParameterChoice::BytesParam(content))) => {
                parameters.add_file(path, content);
            }
            _ => return Err(unexpected_parameter(&name, "load")),
        }
    }
    parameters.finish()
}

pub(super) async fn unload(
    request: RepositoryModelUnloadRequest,
    context: Arc<Context>,
) -> Result<RepositoryModelUnloadResponse, Status> {
    check_repository_name(&request.repository_name).map_err(|error| grpc_status(&error))?;
    let mut dependents = false;
    for (name, parameter) in request.parameters {
        match (&*name, parameter.parameter_choice) {
            ("unload_dependents", Some(ParameterChoice::BoolParam(value))) => dependents = value,
            _ => return Err(grpc_status(&unexpected_parameter(&name, "unload"))),
        }
    }
    let repository = Arc::clone(&context.state.repository);
    repository
        .unload(&request.model_name, dependents)
        .await
        .map_err(|error| grpc_status(&error))?;
    Ok(RepositoryModelUnloadResponse {})
}
