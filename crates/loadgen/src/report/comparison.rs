//! What the parts of a comparison say.

use super::figure::percent;
use crate::result::{ComparedMetric, Comparison, MetricVerdict};

/// `A is better`, or that no difference was shown and how small a one could have been seen.
pub(crate) fn finding(metric: &ComparedMetric, comparison: &Comparison) -> String {
    match metric.verdict {
        MetricVerdict::ABetter => format!("{} is better", comparison.a),
        MetricVerdict::BBetter => format!("{} is better", comparison.b),
        MetricVerdict::NoDifferenceShown => match metric.visible {
            Some(share) => {
                format!("no difference shown (under {} could not be seen)", percent(share))
            }
            None => "no difference shown".to_owned(),
        },
    }
}

/// A metric's name and unit, short enough for a table.
pub(crate) fn metric_name(metric: &str) -> String {
    match metric {
        "throughput" => "requests/s".to_owned(),
        "server_cpu_per_request" => "CPU us/req".to_owned(),
        "output_tokens_per_second" => "tokens/s".to_owned(),
        name => match name.strip_prefix("latency_") {
            Some(percentile) => format!("{} ms", percentile.replace("p999", "p99.9")),
            None => short(name),
        },
    }
}

fn short(name: &str) -> String {
    let known = [
        ("time_to_first_token", "TTFT"),
        ("time_per_output_token", "TPOT"),
        ("inter_token_latency", "ITL"),
    ];
    for (long, short) in known {
        if let Some(percentile) = name.strip_prefix(long) {
            return format!("{short}{} ms", percentile.replace('_', " "));
        }
    }
    name.replace('_', " ")
}
