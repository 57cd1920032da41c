//! The standard health service, whose truth is the repository's.

use std::{
    pin::Pin,
    sync::Arc,
    task::{self, Poll},
    time::Duration,
};

use http::Response;
use serving::ErrorKind;
use tokio::time::{Interval, MissedTickBehavior};
use tokio_stream::Stream;
use tonic::Status;
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
};

use super::{
    Context,
    dispatch::Call,
    reply::{self, Outgoing, ReplyBody},
    stream::{Closing, shutting_down},
};
use crate::compression::Encoding;
use crate::shutdown::Phase;

/// How long a change of health takes at most to reach those who watch.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);

/// Health of the server (no name), of the inference service or of a model.
pub(super) async fn check(
    request: HealthCheckRequest,
    context: Arc<Context>,
) -> Result<HealthCheckResponse, Status> {
    match status(&context, &request.service) {
        ServingStatus::ServiceUnknown => Err(Status::not_found(format!(
            "no service or model '{}'; use a model's name, 'inference.GRPCInferenceService', or \
             nothing for the server",
            request.service
        ))),
        status => Ok(HealthCheckResponse { status: status.into() }),
    }
}

fn status(context: &Context, service: &str) -> ServingStatus {
    let repository = &context.state.repository;
    let is_serving = match service {
        "" | "inference.GRPCInferenceService" => repository.readiness().is_ok(),
        model => match repository.model(model, "") {
            Ok(model) => {
                model.check().is_ok() && !context.state.shutdown.has_reached(Phase::Draining)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return ServingStatus::ServiceUnknown;
            }
            Err(_) => false,
        },
    };
    if is_serving { ServingStatus::Serving } else { ServingStatus::NotServing }
}

/// Sends the health now and whenever it has changed.
pub(super) async fn watch(mut call: Call) -> Response<ReplyBody> {
    let request: HealthCheckRequest = match call.message().await {
        Ok(request) => request,
        Err(status) => return reply::error(&status),
    };
    let mut interval = tokio::time::interval(WATCH_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let watch = Watch {
        service: request.service,
        encoding: call.encoding,
        closing: Closing::new(&call.context),
        context: call.context,
        interval,
        last: None,
    };
    reply::streaming(Box::pin(watch), call.encoding)
}

struct Watch {
    context: Arc<Context>,
    service: String,
    encoding: Option<Encoding>,
    interval: Interval,
    closing: Closing,
    last: Option<ServingStatus>,
}

impl Stream for Watch {
    type Item = Result<Outgoing, Status>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
    ) -> Poll<Option<Self::Item>> {
        loop {
            let is_closing = self.closing.poll(context);
            // Whoever watches is told before the stream ends.
            if self.interval.poll_tick(context).is_pending() && !is_closing {
                return Poll::Pending;
            }
            let now = status(&self.context, &self.service);
            if self.last != Some(now) {
                self.last = Some(now);
                let message = HealthCheckResponse { status: now.into() };
                let bytes_max = self.context.limits.message_bytes_max;
                return Poll::Ready(Some(Outgoing::new(&message, &[], self.encoding, bytes_max)));
            }
            if is_closing {
                return Poll::Ready(Some(Err(shutting_down())));
            }
        }
    }
}
