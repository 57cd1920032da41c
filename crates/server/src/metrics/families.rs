//! Which families there are: the reference's names and labels, then our own.

use serving::{
    BATCH_BOUNDS, BatchReason, DURATION_BOUNDS, FailureReason, Histogram, Model, Rejection,
    Statistics,
};

use super::{
    exposition::{Exposition, Kind, label_name, push_label},
    generation,
    process::Usage,
};
use crate::{state::SERVER_VERSION, trace::TraceCounts};

/// One model version at one moment.
#[derive(Debug)]
pub(super) struct ModelSample {
    pub(super) name: String,
    /// What stands between the braces of each of its samples.
    pub(super) labels: String,
    pub(super) statistics: Statistics,
}

/// The server as a whole at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ServerSample {
    pub(super) usage: Usage,
    /// Seconds since the epoch.
    pub(super) started: f64,
    pub(super) ready: bool,
    pub(super) in_flight: usize,
    pub(super) traces: TraceCounts,
}

/// Name, help and value of a counter that is one number per model version.
type Counter = (&'static str, &'static str, fn(&Statistics) -> u64);

const MODEL_COUNTERS: [Counter; 8] = [
    ("nv_inference_request_success", "Requests answered", |s| s.success.count),
    ("nv_inference_count", "Rows inferred", |s| s.inference_count),
    ("nv_inference_exec_count", "Batches executed", |s| s.execution_count),
    (
        "nv_inference_request_duration_us",
        "Cumulative end-to-end time of answered requests in microseconds",
        |s| s.success.ns / 1000,
    ),
    (
        "nv_inference_queue_duration_us",
        "Cumulative time of answered requests in the queue in microseconds",
        |s| s.queue.ns / 1000,
    ),
    (
        "nv_inference_compute_input_duration_us",
        "Cumulative time of gathering inputs in microseconds",
        |s| s.compute_input.ns / 1000,
    ),
    (
        "nv_inference_compute_infer_duration_us",
        "Cumulative time in the engine in microseconds",
        |s| s.compute_infer.ns / 1000,
    ),
    (
        "nv_inference_compute_output_duration_us",
        "Cumulative time of splitting outputs in microseconds",
        |s| s.compute_output.ns / 1000,
    ),
];

impl ModelSample {
    /// Reads a model's counters.
    pub(super) fn of(model: &Model) -> Self {
        let mut tags: Vec<_> = model.config().metric_tags.iter().collect();
        tags.sort();
        let tags = tags.into_iter().map(|(name, value)| (&**name, &**value));
        Self::new(model.name(), model.version_text(), tags, model.statistics())
    }

    /// `tags` are the labels of the model's configuration; of two that sanitise to the same name the
    /// first stays.
    fn new<'a>(
        name: &str,
        version: &str,
        tags: impl Iterator<Item = (&'a str, &'a str)>,
        statistics: Statistics,
    ) -> Self {
        let mut labels = String::with_capacity(64);
        push_label(&mut labels, "model", name);
        push_label(&mut labels, "version", version);
        let mut taken = Vec::new();
        for (tag, value) in tags {
            let Some(tag) = label_name(tag).filter(|tag| !taken.contains(tag)) else { continue };
            push_label(&mut labels, &tag, value);
            taken.push(tag);
        }
        Self { name: name.to_owned(), labels, statistics }
    }
}

/// The whole page. `capacity` is a guess at its size in bytes.
pub(super) fn render(server: &ServerSample, models: &[ModelSample], capacity: usize) -> String {
    let mut page = Exposition::with_capacity(capacity);
    for (name, help, value) in MODEL_COUNTERS {
        page.family(name, Kind::Counter, help);
        for model in models {
            page.integer(&model.labels, value(&model.statistics));
        }
    }
    render_failures(&mut page, models);
    render_gauges(&mut page, models);
    render_histograms(&mut page, models);
    render_reasons(&mut page, models);
    render_instances(&mut page, models);
    generation::render(&mut page, models);
    render_machine(&mut page, &server.usage);
    render_server(&mut page, server);
    render_traces(&mut page, &server.traces);
    page.into_text()
}

fn render_failures(page: &mut Exposition, models: &[ModelSample]) {
    page.family("nv_inference_request_failure", Kind::Counter, "Requests refused or failed");
    for ModelSample { labels, statistics, .. } in models {
        for (reason, count) in FailureReason::ALL.iter().zip(statistics.failures) {
            page.integer_with(labels, ("reason", reason.name()), count);
        }
    }
}

fn render_gauges(page: &mut Exposition, models: &[ModelSample]) {
    page.family("nv_inference_pending_request_count", Kind::Gauge, "Requests in the queue");
    for ModelSample { labels, statistics, .. } in models {
        page.integer(labels, statistics.pending as u64);
    }
    page.family(
        "nv_model_load_duration_secs",
        Kind::Gauge,
        "Seconds that loading took, warm-up included",
    );
    for ModelSample { labels, statistics, .. } in models {
        page.float(labels, statistics.load_duration.as_secs_f64());
    }
}

fn render_histograms(page: &mut Exposition, models: &[ModelSample]) {
    let seconds = DURATION_BOUNDS.map(|bound| bound.to_string());
    let rows = BATCH_BOUNDS.map(|bound| bound.to_string());
    let help = "End-to-end time of answered requests";
    render_histogram(page, ("hone_request_duration_seconds", help), &seconds, models, |s| {
        &s.request_seconds
    });
    let help = "Time in the queue of requests that ran";
    render_histogram(page, ("hone_queue_duration_seconds", help), &seconds, models, |s| {
        &s.queue_seconds
    });
    let help = "Time that each batch took: gathering, engine, splitting";
    render_histogram(page, ("hone_compute_duration_seconds", help), &seconds, models, |s| {
        &s.compute_seconds
    });
    let help = "Rows of each batch";
    render_histogram(page, ("hone_batch_size", help), &rows, models, |s| &s.batch_rows);
}

fn render_histogram<const N: usize>(
    page: &mut Exposition,
    (name, help): (&'static str, &'static str),
    bounds: &[String; N],
    models: &[ModelSample],
    histogram: fn(&Statistics) -> &Histogram<N>,
) {
    page.family(name, Kind::Histogram, help);
    for ModelSample { labels, statistics, .. } in models {
        page.histogram(labels, bounds, histogram(statistics));
    }
}

fn render_reasons(page: &mut Exposition, models: &[ModelSample]) {
    page.family("hone_batches_total", Kind::Counter, "Batches by why they left the queue");
    for ModelSample { labels, statistics, .. } in models {
        for (reason, count) in BatchReason::ALL.iter().zip(statistics.batch_reasons) {
            page.integer_with(labels, ("reason", reason.name()), count);
        }
    }
    page.family("hone_requests_rejected_total", Kind::Counter, "Requests that never ran");
    for ModelSample { labels, statistics, .. } in models {
        for (reason, count) in Rejection::ALL.iter().zip(statistics.rejections) {
            page.integer_with(labels, ("reason", reason.name()), count);
        }
    }
}

fn render_instances(page: &mut Exposition, models: &[ModelSample]) {
    page.family("hone_instances", Kind::Gauge, "Instances of the model by what they do");
    for ModelSample { labels, statistics, .. } in models {
        let instances = statistics.instances;
        page.integer_with(labels, ("state", "idle"), instances.idle as u64);
        page.integer_with(labels, ("state", "busy"), instances.busy as u64);
        page.integer_with(labels, ("state", "replacing"), instances.replacing as u64);
    }
    page.family(
        "hone_instances_replaced_total",
        Kind::Counter,
        "Instances replaced because they hung or broke",
    );
    for ModelSample { labels, statistics, .. } in models {
        page.integer(labels, statistics.instances.replaced_total);
    }
}

fn render_machine(page: &mut Exposition, usage: &Usage) {
    if let Some(share) = usage.machine_utilization {
        page.family(
            "nv_cpu_utilization",
            Kind::Gauge,
            "Share of the machine's CPU time in use, 0 to 1",
        );
        page.float("", share);
    }
    if let Some(bytes) = usage.memory_total {
        page.family("nv_cpu_memory_total_bytes", Kind::Gauge, "Memory of the machine");
        page.integer("", bytes);
    }
    if let Some(bytes) = usage.memory_used {
        page.family("nv_cpu_memory_used_bytes", Kind::Gauge, "Memory of the machine in use");
        page.integer("", bytes);
    }
}

fn render_server(page: &mut Exposition, server: &ServerSample) {
    if let Some(bytes) = server.usage.resident_bytes {
        page.family("process_resident_memory_bytes", Kind::Gauge, "Memory of this process");
        page.integer("", bytes);
    }
    if let Some(seconds) = server.usage.cpu_seconds {
        page.family("process_cpu_seconds_total", Kind::Counter, "CPU time of this process");
        page.float("", seconds);
    }
    page.family("process_start_time_seconds", Kind::Gauge, "Start of this process since the epoch");
    page.float("", server.started);
    page.family("hone_requests_in_flight", Kind::Gauge, "Inference requests inside the server");
    page.integer("", server.in_flight as u64);
    page.family("hone_ready", Kind::Gauge, "1 if the server is ready, as its health says");
    page.integer("", u64::from(server.ready));
    page.family("hone_build_info", Kind::Gauge, "1; the version is in the label");
    page.integer_with("", ("version", SERVER_VERSION), 1);
}

fn render_traces(page: &mut Exposition, counts: &TraceCounts) {
    let families = [
        ("hone_trace_spans_exported_total", "Spans that a collector took", counts.spans_exported),
        (
            "hone_trace_spans_dropped_total",
            "Spans lost: too many waited, or the collector did not take them",
            counts.spans_dropped,
        ),
        ("hone_traces_written_total", "Traces written to files", counts.traces_written),
        (
            "hone_traces_dropped_total",
            "Traces lost on the way to files: too many waited, or the disk did not take them",
            counts.traces_dropped,
        ),
    ];
    for (name, help, value) in families {
        page.family(name, Kind::Counter, help);
        page.integer("", value);
    }
}

#[cfg(test)]
mod tests;
