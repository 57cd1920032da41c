//! The call about trace settings.

use std::sync::Arc;

use protocol::grpc::{TraceSettingRequest, TraceSettingResponse, trace_setting_response};
use tonic::Status;

use super::Context;
use crate::{status::grpc_status, trace::Change};

/// Changes settings, if there are any in the request, and shows those in force. A setting without a
/// value is taken back.
pub(super) async fn setting(
    request: TraceSettingRequest,
    context: Arc<Context>,
    may_change: Result<(), Status>,
) -> Result<TraceSettingResponse, Status> {
    let TraceSettingRequest { settings, model_name } = request;
    let state = &context.state;
    let tracer = &state.tracer;
    tracer.check_model(&state.repository, &model_name).map_err(|error| grpc_status(&error))?;
    if !settings.is_empty() {
        may_change?;
        let mut changes: Vec<Change> =
            settings.into_iter().map(|(name, setting)| (name, setting.value)).collect();
        // The message's map has no order; let it not matter which of two errors is told.
        changes.sort();
        tracer.change(&model_name, &changes).map_err(|error| grpc_status(&error))?;
    }
    let shown = tracer.settings(&model_name).into_iter();
    let shown = shown
        .map(|(name, value)| (name.to_owned(), trace_setting_response::SettingValue { value }));
    Ok(TraceSettingResponse { settings: shown.collect() })
}
