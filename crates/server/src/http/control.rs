//! Calls about the server and its models.

use std::sync::Arc;

use http::{Response, StatusCode};
use protocol::{
    model_config,
    rest::{self, ModelMetadata, ServerMetadata, TensorMetadata},
};
use serde_json::{Map, Value};
use serving::{Model, TensorSpec};

use super::{
    answer::Exchange,
    dashboard,
    refusal::Refusal,
    reply::{self, ReplyBody},
    repository,
    route::{ModelCall, Route},
    trace,
};
use crate::{
    log_control::{self, LogSettings, LogValue},
    state::{EXTENSIONS, SERVER_NAME, SERVER_VERSION},
    statistics,
};

type Answer = Result<Response<ReplyBody>, Refusal>;

/// Answers everything but inferences.
pub(super) async fn answer(exchange: &mut Exchange, route: &Route<'_>) -> Answer {
    if route.is_control() {
        exchange.context().state.control.check(&exchange.headers)?;
    }
    match route {
        Route::ServerLive => Ok(reply::empty(StatusCode::OK)),
        Route::ServerReady => Ok(server_ready(exchange)),
        Route::ServerMetadata => Ok(server_metadata()),
        Route::OpenAi(_) | Route::Generate { .. } => {
            unreachable!("generations are answered elsewhere")
        }
        Route::Model { name, version, call } => model(exchange, name, version, *call),
        Route::AllStatistics => model_statistics(exchange, "", ""),
        Route::RepositoryIndex { repository } => repository::index(exchange, repository).await,
        Route::Load { repository, name } => repository::load(exchange, repository, name).await,
        Route::Unload { repository, name } => repository::unload(exchange, repository, name).await,
        Route::ShowLogging => Ok(log_settings(&exchange.context().state.log.settings())),
        Route::ChangeLogging => change_logging(exchange).await,
        Route::DashboardFile { name } => dashboard::file(exchange, name),
        Route::DashboardEvents { model } => dashboard::events(exchange, model.clone()),
        Route::ToDashboard { location } => Ok(dashboard::redirect(location)),
        Route::ShowTracing { model } => trace::show(exchange, model),
        Route::ChangeTracing { model } => trace::change(exchange, model).await,
    }
}

fn model(exchange: &Exchange, name: &str, version: &str, call: ModelCall) -> Answer {
    match call {
        ModelCall::Metadata => model_metadata(exchange, name, version),
        ModelCall::Ready => model_ready(exchange, name, version),
        ModelCall::Config => {
            let model = find(exchange, name, version)?;
            Ok(reply::json(model_config::to_json(model.config())))
        }
        ModelCall::Statistics => model_statistics(exchange, name, version),
        ModelCall::Infer => unreachable!("inferences are answered elsewhere"),
    }
}

fn find(exchange: &Exchange, name: &str, version: &str) -> Result<Arc<Model>, Refusal> {
    Ok(exchange.context().state.repository.model(name, version)?)
}

/// Not being ready is said by a status alone.
fn server_ready(exchange: &Exchange) -> Response<ReplyBody> {
    let is_ready = exchange.context().state.repository.readiness().is_ok();
    reply::empty(if is_ready { StatusCode::OK } else { StatusCode::BAD_REQUEST })
}

fn model_ready(exchange: &Exchange, name: &str, version: &str) -> Answer {
    let found = exchange.context().state.repository.model(name, version);
    if found.is_ok_and(|model| model.check().is_ok()) {
        return Ok(reply::empty(StatusCode::OK));
    }
    Err(Refusal::bad_request("Model version not ready"))
}

fn server_metadata() -> Response<ReplyBody> {
    reply::json_document(&ServerMetadata {
        name: SERVER_NAME,
        version: SERVER_VERSION,
        extensions: &EXTENSIONS,
    })
}

fn model_metadata(exchange: &Exchange, name: &str, version: &str) -> Answer {
    let model = find(exchange, name, version)?;
    let versions = if version.is_empty() {
        let versions = exchange.context().state.repository.versions(name);
        versions.iter().map(u64::to_string).collect()
    } else {
        vec![model.version_text().to_owned()]
    };
    Ok(reply::json_document(&ModelMetadata {
        name: model.name(),
        versions,
        platform: model.platform(),
        inputs: model.inputs().iter().map(tensor_metadata).collect(),
        outputs: model.outputs().iter().map(tensor_metadata).collect(),
    }))
}

fn tensor_metadata(spec: &TensorSpec) -> TensorMetadata<'_> {
    TensorMetadata { name: &spec.name, datatype: spec.data_type.name(), shape: &spec.dims }
}

fn model_statistics(exchange: &Exchange, name: &str, version: &str) -> Answer {
    let models = statistics::select(&exchange.context().state.repository, name, version)?;
    Ok(reply::json(statistics::to_json(&models)))
}

async fn change_logging(exchange: &mut Exchange) -> Answer {
    let body = exchange.read_body().await?;
    let mut changes = Vec::new();
    for (name, value) in rest::read_settings(&body)? {
        let value = log_value(value).ok_or_else(|| {
            Refusal::bad_request(format!(
                "log setting '{name}' takes true, false, a string or a whole number of 0 or more"
            ))
        })?;
        changes.push((name, value));
    }
    let log = &*exchange.context().state.log;
    let settings = log_control::change(log, changes).map_err(Refusal::bad_request)?;
    Ok(log_settings(&settings))
}

fn log_value(value: rest::ParameterValue) -> Option<LogValue> {
    match value {
        rest::ParameterValue::Bool(value) => Some(LogValue::Bool(value)),
        rest::ParameterValue::Int(value) => u32::try_from(value).ok().map(LogValue::Uint),
        rest::ParameterValue::String(value) => Some(LogValue::Text(value)),
        rest::ParameterValue::Uint(_) | rest::ParameterValue::Double(_) => None,
    }
}

fn log_settings(settings: &LogSettings) -> Response<ReplyBody> {
    let entries = settings.entries().into_iter().map(|(name, value)| {
        let value = match value {
            LogValue::Bool(value) => Value::from(value),
            LogValue::Uint(value) => Value::from(value),
            LogValue::Text(value) => Value::from(value),
        };
        (name.to_owned(), value)
    });
    reply::json_document(&entries.collect::<Map<_, _>>())
}
