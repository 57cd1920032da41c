//! How many requests one core of the generator sends, and how punctually.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};

use super::{
    Finding,
    tools::{GENERATOR_CORE, SERVER_CORE, Served, Tools, pinned, timed},
};
use crate::{report, results::median};

/// Callers, for all generators.
const CALLERS: &str = "64";

/// Longest warm-up of Hone's rounds; the others have none.
const WARM_UP: &str = "2s";

/// Measured seconds of each round.
const SECONDS: &str = "3";

/// What a generator did in one round.
#[derive(Clone, Copy, Debug)]
struct Round {
    /// Requests per second.
    rate: f64,
    /// Requests per second of the generator's CPU time.
    per_core: f64,
}

/// Closed loop of 16 floats as binary data against the floor, each on a core of its own.
pub(super) fn rate(tools: &Tools, rounds: usize) -> Result<Vec<Finding>> {
    let floor = tools.floor(Some(SERVER_CORE), &[])?;
    let script = wrk_script(tools, &floor)?;
    let (mut hone, mut wrk, mut perf_analyzer) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        hone.push(hone_round(tools, &floor)?);
        match wrk_round(&floor, &script) {
            Ok(found) => wrk.push(found),
            Err(error) if round == 0 => report::progress(&format!("left out: wrk: {error:#}")),
            Err(_) => {}
        }
        match perf_analyzer_round(tools, &floor) {
            Ok(found) => perf_analyzer.push(found),
            Err(error) if round == 0 => {
                report::progress(&format!("left out: perf_analyzer: {error:#}"));
            }
            Err(_) => {}
        }
    }
    let own = middle(&hone).context("no round of Hone's was measured")?;
    let theirs = middle(&perf_analyzer);
    let mut findings = vec![Finding {
        what: format!(
            "closed loop of {CALLERS} callers against the floor, generator and floor on a core each: requests/s"
        ),
        must: ">= 40 k, >= perf_analyzer's",
        aim: "",
        found: format!(
            "{:.0} ({:.0} per second of CPU time); perf_analyzer {}; wrk {}",
            own.rate,
            own.per_core,
            words(theirs),
            words(middle(&wrk)),
        ),
        is_met: Some(
            own.per_core >= 40_000.0 && theirs.is_none_or(|theirs| own.rate >= theirs.rate),
        ),
    }];
    if let Some(wrk) = middle(&wrk) {
        findings.push(Finding {
            what: "CPU time per request against wrk's".to_owned(),
            must: "",
            aim: "<= 2",
            found: format!("{:.2}", wrk.per_core / own.per_core),
            is_met: None,
        });
    }
    Ok(findings)
}

fn middle(rounds: &[Round]) -> Option<Round> {
    let of = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
    Some(Round { rate: of(|round| round.rate)?, per_core: of(|round| round.per_core)? })
}

fn words(round: Option<Round>) -> String {
    round.map_or("not measured".to_owned(), |round| {
        format!("{:.0} ({:.0} per second of CPU time)", round.rate, round.per_core)
    })
}

fn hone_round(tools: &Tools, floor: &Served) -> Result<Round> {
    let duration = format!("{SECONDS}s");
    let arguments =
        [&*floor.address, "--concurrency", CALLERS, "--duration", &duration, "--warm-up", WARM_UP];
    let summary = tools.level(Some(GENERATOR_CORE), &arguments)?.summary;
    let per_core = 1e6 / summary.generator.cpu_us_per_request;
    Ok(Round { rate: summary.throughput.value, per_core })
}

/// A script with the same request that Hone sends.
fn wrk_script(tools: &Tools, floor: &Served) -> Result<std::path::PathBuf> {
    let json = r#"{"inputs":[{"datatype":"FP32","name":"INPUT0","parameters":{"binary_data_size":64},"shape":[1,16]}],"parameters":{"binary_data_output":true}}"#;
    let script = tools.work.join("infer.lua");
    let text = format!(
        "wrk.method = \"POST\"\nwrk.path = \"/v2/models/small/infer\"\n\
         wrk.headers[\"Content-Type\"] = \"application/octet-stream\"\n\
         wrk.headers[\"Inference-Header-Content-Length\"] = \"{}\"\n\
         wrk.body = [[{json}]] .. string.rep(\"\\0\", 64)\n-- {}\n",
        json.len(),
        floor.address
    );
    fs::write(&script, text)?;
    Ok(script)
}

fn wrk_round(floor: &Served, script: &Path) -> Result<Round> {
    let mut command = pinned(Path::new("wrk"), Some(GENERATOR_CORE));
    command.args(["-t1", "-c", CALLERS, "-d", &format!("{SECONDS}s"), "-s"]).arg(script);
    command.arg(format!("http://{}", floor.address));
    let (text, cpu) = timed(command)?;
    let requests = text.lines().find_map(|line| {
        line.trim().split_once(" requests in ").and_then(|(count, _)| count.parse::<f64>().ok())
    });
    let rate =
        text.lines().find_map(|line| line.strip_prefix("Requests/sec:")?.trim().parse().ok());
    let requests = requests.context("wrk tells no requests")?;
    Ok(Round { rate: rate.context("wrk tells no rate")?, per_core: requests / cpu.as_secs_f64() })
}

/// perf_analyzer in one window of as many requests as take about as long.
fn perf_analyzer_round(tools: &Tools, floor: &Served) -> Result<Round> {
    let requests = 60_000;
    let mut command: Command = pinned(&tools.perf_analyzer, Some(GENERATOR_CORE));
    command.args(["-m", "small", "-u", &floor.address, "-i", "http", "--async"]);
    command.args(["--concurrency-range", CALLERS, "--request-count", &requests.to_string()]);
    let (text, cpu) = timed(command)?;
    let rate = text.lines().find_map(|line| {
        let (_, rest) = line.split_once("throughput: ")?;
        rest.split(' ').next()?.parse().ok()
    });
    let rate = rate.with_context(|| format!("perf_analyzer tells no throughput: {text}"))?;
    Ok(Round { rate, per_core: f64::from(requests) / cpu.as_secs_f64() })
}

/// Open loop at 20 k/s: how late requests are turned to.
pub(super) fn lateness(tools: &Tools, rounds: usize) -> Result<Vec<Finding>> {
    let floor = tools.floor(Some(SERVER_CORE), &[])?;
    let mut p99 = Vec::new();
    for _ in 0..rounds {
        let arguments =
            [&*floor.address, "--rate", "20000", "--duration", "3s", "--warm-up", WARM_UP];
        let summary = tools.level(Some(GENERATOR_CORE), &arguments)?.summary;
        let lateness = summary.generator.lateness.context("an open loop tells its lateness")?;
        p99.push(lateness.p99.value * 1e3);
    }
    let lateness = median(p99).context("no round was measured")?;
    Ok(vec![Finding {
        what: "open loop at 20 k/s (Poisson), generator and floor on a core each: lateness p99"
            .to_owned(),
        must: "<= 200 us",
        aim: "50 us",
        found: format!("{lateness:.0} us"),
        is_met: Some(lateness <= 200.0),
    }])
}
