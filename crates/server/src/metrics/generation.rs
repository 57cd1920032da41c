//! Families of models that generate text, under the names that vLLM gave them. Only such models have
//! samples, and without one the families are not on the page.

use serving::{
    GENERATION_SECONDS_BOUNDS, GENERATION_TOKENS_BOUNDS, GenerationEnd, GenerationHistograms,
    GenerationStatistics, Histogram, STEP_TOKENS_BOUNDS, TOKEN_SECONDS_BOUNDS, TTFT_BOUNDS,
};

use super::{
    exposition::{Exposition, Kind, push_label},
    families::ModelSample,
};

/// Name, kind, help and value of a family that is one number per model version.
type Family = (&'static str, Kind, &'static str, fn(&GenerationStatistics) -> Number);

enum Number {
    Integer(u64),
    Float(f64),
}
use Number::{Float, Integer};

const FAMILIES: [Family; 12] = [
    ("vllm:num_requests_running", Kind::Gauge, "Requests in the running batch", |s| {
        Integer(s.running as u64)
    }),
    ("vllm:num_requests_waiting", Kind::Gauge, "Requests that wait to be let into it", |s| {
        Integer(s.waiting as u64)
    }),
    ("vllm:kv_cache_usage_perc", Kind::Gauge, "Share of the key-value cache in use, 0 to 1", |s| {
        Float(s.kv_usage())
    }),
    ("vllm:prompt_tokens_total", Kind::Counter, "Tokens of prompts processed", |s| {
        Integer(s.prompt_tokens)
    }),
    (
        "vllm:prompt_tokens_cached_total",
        Kind::Counter,
        "Those of them that were found in the prefix cache",
        |s| Integer(s.prefix_cache_hits),
    ),
    ("vllm:generation_tokens_total", Kind::Counter, "Tokens generated", |s| {
        Integer(s.generated_tokens)
    }),
    (
        "vllm:prefix_cache_queries_total",
        Kind::Counter,
        "Tokens of prompts looked up in the prefix cache",
        |s| Integer(s.prefix_cache_queries),
    ),
    (
        "vllm:prefix_cache_hits_total",
        Kind::Counter,
        "Tokens of prompts found in the prefix cache",
        |s| Integer(s.prefix_cache_hits),
    ),
    (
        "vllm:num_preemptions_total",
        Kind::Counter,
        "Requests that lost their place and were computed again",
        |s| Integer(s.preemptions),
    ),
    (
        "vllm:spec_decode_num_drafts_total",
        Kind::Counter,
        "Times that tokens were proposed to be checked together",
        |s| Integer(s.drafts),
    ),
    ("vllm:spec_decode_num_draft_tokens_total", Kind::Counter, "Tokens proposed", |s| {
        Integer(s.draft_tokens)
    }),
    (
        "vllm:spec_decode_num_accepted_tokens_total",
        Kind::Counter,
        "Proposed tokens that turned out right",
        |s| Integer(s.accepted_draft_tokens),
    ),
];

/// Name, help and value of a histogram.
type HistogramFamily<const N: usize> =
    (&'static str, &'static str, fn(&GenerationHistograms) -> &Histogram<N>);

const STAGES: [HistogramFamily<{ GENERATION_SECONDS_BOUNDS.len() }>; 5] = [
    ("vllm:e2e_request_latency_seconds", "Arrival to last token", |h| &h.end_to_end),
    ("vllm:request_queue_time_seconds", "Arrival to first step", |h| &h.queue),
    ("vllm:request_prefill_time_seconds", "First step to first token", |h| &h.prefill),
    ("vllm:request_decode_time_seconds", "First token to last token", |h| &h.decode),
    ("vllm:request_inference_time_seconds", "First step to last token", |h| &h.inference),
];

const TOKEN_TIMES: [HistogramFamily<{ TOKEN_SECONDS_BOUNDS.len() }>; 2] = [
    ("vllm:inter_token_latency_seconds", "Time between two tokens", |h| &h.inter_token_latency),
    (
        "vllm:request_time_per_output_token_seconds",
        "Mean time between a request's tokens after the first",
        |h| &h.time_per_output_token,
    ),
];

const FIRST_TOKEN: [HistogramFamily<{ TTFT_BOUNDS.len() }>; 1] =
    [("vllm:time_to_first_token_seconds", "Arrival to first token", |h| &h.time_to_first_token)];

const STEPS: [HistogramFamily<{ STEP_TOKENS_BOUNDS.len() }>; 1] =
    [("vllm:iteration_tokens_total", "Tokens of each step", |h| &h.step_tokens)];

const SIZES: [HistogramFamily<{ GENERATION_TOKENS_BOUNDS.len() }>; 5] = [
    ("vllm:request_prompt_tokens", "Tokens of each prompt", |h| &h.prompt_tokens),
    (
        "vllm:request_prefill_kv_computed_tokens",
        "Tokens of each prompt that were computed, not found in the prefix cache",
        |h| &h.computed_prompt_tokens,
    ),
    ("vllm:request_generation_tokens", "Tokens generated for each request", |h| {
        &h.generated_tokens
    }),
    ("vllm:request_params_max_tokens", "Tokens that each request allowed", |h| &h.max_tokens),
    ("vllm:request_params_n", "Choices that each request asked for", |h| &h.choices),
];

/// Labels, state and histograms of a model.
type Generating<'a> = (String, GenerationStatistics, Option<&'a GenerationHistograms>);

/// Writes the families, if a model has them.
pub(super) fn render(page: &mut Exposition, models: &[ModelSample]) {
    let generating = models.iter().filter_map(|model| {
        let statistics = model.statistics.generation?;
        let mut labels = model.labels.clone();
        // What dashboards that were made for vLLM filter by.
        push_label(&mut labels, "model_name", &model.name);
        push_label(&mut labels, "engine", "0");
        Some((labels, statistics, model.statistics.generation_histograms.as_deref()))
    });
    let generating: Vec<Generating<'_>> = generating.collect();
    if generating.is_empty() {
        return;
    }
    for (name, kind, help, value) in FAMILIES {
        page.family(name, kind, help);
        for (labels, statistics, _) in &generating {
            match value(statistics) {
                Integer(value) => page.integer(labels, value),
                Float(value) => page.float(labels, value),
            }
        }
    }
    page.family("vllm:request_success_total", Kind::Counter, "Requests by how they ended");
    for (labels, statistics, _) in &generating {
        for (end, count) in GenerationEnd::ALL.iter().zip(statistics.ended) {
            page.integer_with(labels, ("finished_reason", end.name()), count);
        }
    }
    render_histograms(page, &FIRST_TOKEN, &TTFT_BOUNDS, &generating);
    render_histograms(page, &TOKEN_TIMES, &TOKEN_SECONDS_BOUNDS, &generating);
    render_histograms(page, &STAGES, &GENERATION_SECONDS_BOUNDS, &generating);
    render_histograms(page, &STEPS, &STEP_TOKENS_BOUNDS, &generating);
    render_histograms(page, &SIZES, &GENERATION_TOKENS_BOUNDS, &generating);
}

fn render_histograms<const N: usize>(
    page: &mut Exposition,
    families: &[HistogramFamily<N>],
    bounds: &[f64; N],
    generating: &[Generating<'_>],
) {
    let bounds = bounds.map(|bound| bound.to_string());
    for (name, help, histogram) in families {
        let mut samples = generating.iter().filter_map(|(labels, _, all)| Some((labels, (*all)?)));
        let Some(first) = samples.next() else { return };
        page.family(name, Kind::Histogram, help);
        for (labels, all) in std::iter::once(first).chain(samples) {
            page.histogram(labels, &bounds, histogram(all));
        }
    }
}
