//! Families of models that generate text, under the names that vLLM gave them. Only such models have
//! samples, and without one the families are not on the page.

use serving::GenerationStatistics;

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

const FAMILIES: [Family; 7] = [
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
];

/// Writes the families, if a model has them.
pub(super) fn render(page: &mut Exposition, models: &[ModelSample]) {
    let generating = models.iter().filter_map(|model| {
        let statistics = model.statistics.generation?;
        let mut labels = model.labels.clone();
        // What dashboards that were made for vLLM filter by.
        push_label(&mut labels, "model_name", &model.name);
        Some((labels, statistics))
    });
    let generating: Vec<_> = generating.collect();
    if generating.is_empty() {
        return;
    }
    for (name, kind, help, value) in FAMILIES {
        page.family(name, kind, help);
        for (labels, statistics) in &generating {
            match value(statistics) {
                Integer(value) => page.integer(labels, value),
                Float(value) => page.float(labels, value),
            }
        }
    }
}
