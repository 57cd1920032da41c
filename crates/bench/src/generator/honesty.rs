//! What must not be overlooked, and what must not be claimed.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use loadgen::MetricVerdict;
use serde_json::Value;

use super::{
    Finding,
    tools::{Tools, timed},
};

/// The stall, the rate and the time of its measurement.
const STALL_MS: f64 = 500.0;
const RATE: f64 = 1000.0;
const SECONDS: f64 = 10.0;

/// A planted stall in an open loop of evenly spaced requests.
///
/// While the floor stalls, a request comes every millisecond and waits for the rest of the stall. So the
/// longest 500 of 10 000 latencies are 500, 499, ..., 1 ms, and the 0.1 % that the p99.9 leaves out are
/// the first ten of them.
pub(super) fn stall(tools: &Tools) -> Result<Vec<Finding>> {
    let floor = tools.floor(None, &["--stall-after-ms", "4000", "--stall-ms", "500"])?;
    let arguments = [
        &*floor.address,
        "--rate",
        "1000",
        "--arrivals",
        "constant",
        "--duration",
        "10s",
        "--warm-up",
        "0s",
    ];
    let summary = tools.level(None, &arguments)?.summary;
    let truth = STALL_MS - RATE * SECONDS * 0.001 / RATE * 1e3;
    let found = summary.latency.p999.value;
    let error = (found / truth - 1.0).abs();
    let service = summary.service.context("an open loop tells service times")?.p999.value;

    let floor = tools.floor(None, &["--stall-after-ms", "4000", "--stall-ms", "500"])?;
    let arguments = [&*floor.address, "--concurrency", "1", "--duration", "10s", "--warm-up", "0s"];
    let closed = tools.level(None, &arguments)?.summary;
    let warns = closed.generator.warnings.iter().any(|warning| warning.contains("--rate"));
    Ok(vec![
        Finding {
            what: "planted stall of 500 ms at 1000/s: p99.9 of the open loop".to_owned(),
            must: "within 5 % of the true 490 ms",
            aim: "exact",
            found: format!(
                "{found:.1} ms ({:.1} % off); from the actual sending {service:.1} ms",
                error * 100.0
            ),
            is_met: Some(error <= 0.05),
        },
        Finding {
            what: "the same stall in a closed loop of one caller".to_owned(),
            must: "not hidden silently",
            aim: "",
            found: format!(
                "p99.9 {:.2} ms, {}",
                closed.latency.p999.value,
                if warns { "with a warning that names the stall" } else { "without a warning" }
            ),
            is_met: Some(warns),
        },
    ])
}

/// The floor against itself, again and again.
pub(super) fn twins(tools: &Tools, runs: usize) -> Result<Vec<Finding>> {
    let (a, b) = (tools.floor(None, &[])?, tools.floor(None, &[])?);
    let mut claimed = Vec::new();
    for run in 0..runs {
        let arguments = [
            &*a.address,
            "--vs",
            &b.address,
            "--rounds",
            "8",
            "--duration",
            "250ms",
            "--warm-up",
            "0s",
            "--concurrency",
            "8",
        ];
        let comparison = tools.bench(None, &arguments)?.comparison;
        let comparison = comparison.context("two targets are compared")?;
        let differs = comparison
            .metrics
            .iter()
            .filter(|metric| metric.verdict != MetricVerdict::NoDifferenceShown);
        let names: Vec<&str> = differs.map(|metric| &*metric.metric).collect();
        if !names.is_empty() {
            claimed.push(format!("run {}: {}", run + 1, names.join(", ")));
        }
    }
    let share = claimed.len() as f64 / runs.max(1) as f64;
    let which =
        if claimed.is_empty() { String::new() } else { format!(" ({})", claimed.join("; ")) };
    Ok(vec![Finding {
        what: format!(
            "the floor against itself, {runs} runs of 8 rounds: runs that claim a difference"
        ),
        must: "<= 5 %",
        aim: "",
        found: format!("{} of {runs}{which}", claimed.len()),
        is_met: Some(share <= 0.05),
    }])
}

/// How much of MiniLM's time `hone profile` has names for.
pub(super) fn profile(tools: &Tools) -> Result<Vec<Finding>> {
    let model = tools.models.join("minilm");
    ensure!(model.exists(), "{} is missing; `cargo xtask models` brings it", model.display());
    let result = tools.work.join("profile.json");
    let mut command = Command::new(&tools.hone);
    command.arg("profile").arg(&model).args(["--seconds", "3"]).arg("--output").arg(&result);
    timed(command)?;
    let profile: Value = serde_json::from_slice(&std::fs::read(result)?)?;
    let explained = |load: &str| {
        let loads = profile["loads"].as_array().into_iter().flatten();
        let share = loads
            .filter(|found| found["name"] == load)
            .find_map(|found| found["explained"].as_f64());
        share.with_context(|| format!("the profile tells no load `{load}`"))
    };
    let (low, saturating) = (explained("low")?, explained("saturating")?);
    Ok(vec![Finding {
        what: "`hone profile` of MiniLM: share of the time that named stages explain".to_owned(),
        must: ">= 98 %",
        aim: "",
        found: format!(
            "{:.2} % at low load, {:.2} % at saturating load",
            low * 100.0,
            saturating * 100.0
        ),
        is_met: Some(low.min(saturating) >= 0.98),
    }])
}
