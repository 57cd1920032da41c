//! `hone bench`: loads a server, its own or any other, and says what it found and how sure it is.

mod args;
mod interrupt;
mod levels;
mod outputs;
mod own_server;
mod prompts;
mod subject;
mod watch;

use std::{collections::BTreeMap, process::ExitCode, time::Duration};

use anyhow::{Context, Result};
use loadgen::{
    Baseline, BaselineOptions, Comparison, Knee, Load, Machine, MeasureError, Objective, Plan,
    ResultDocument, SCHEMA, Search, SearchOptions, TargetResult, Trace, read_trace,
};

pub(crate) use args::BenchArgs;
use interrupt::Interrupt;
use subject::{Contender, Place, Wanted};
use watch::Watch;

/// Exit status of a run that is worse than its baseline.
const REGRESSED: u8 = 3;

/// Callers and time of the closed loop that finds where a search starts.
const SCOUTS: usize = 16;
const SCOUT_TIME: Duration = Duration::from_millis(1500);

/// Warm-up of a search's probes at most, if they are not longer themselves.
const PROBE_WARM_UP: Duration = Duration::from_secs(2);

/// Runs `hone bench`.
pub(crate) fn run(args: &BenchArgs) -> Result<ExitCode> {
    let started = loadgen::epoch_seconds();
    let replay = replay(args)?;
    let plans = levels::plans(args, replay.as_ref())?;
    let stored = outputs::read_baseline(args.judge.baseline.as_deref())?;
    let contenders = contenders(args, replay.as_ref())?;
    let mut document = ResultDocument {
        schema: SCHEMA.to_owned(),
        command: std::env::args().collect(),
        started,
        seed: args.load.seed,
        machine: Machine::this(),
        versions: versions(&contenders),
        ..ResultDocument::default()
    };
    let interrupt = Interrupt::watch()?;
    let mut watch = Watch::new(args.output.quiet, &interrupt);
    if args.judge.find_max {
        let objective = args.judge.slo.clone().context("--find-max takes --slo")?;
        search(args, &contenders[0], objective, &mut watch, &mut document)?;
    } else {
        document.targets = measure(args, &plans, &contenders, &mut watch)?;
    }
    watch.clear();
    // The servers are stopped before anybody reads.
    drop(contenders);
    if let [a, b] = &document.targets[..] {
        document.comparison = Some(Comparison::of_rounds(a, b));
    }
    let regressions = stored.map(|(name, stored)| baseline(args, &mut document, &stored, &name));
    let regressed = regressions.transpose()?.unwrap_or_default();
    outputs::write(&document, &args.output, &regressed)?;
    Ok(if regressed.is_regressed { ExitCode::from(REGRESSED) } else { ExitCode::SUCCESS })
}

fn replay(args: &BenchArgs) -> Result<Option<Trace>> {
    let read = |path: &std::path::PathBuf| read_trace(path, args.load.replay_speed);
    anyhow::ensure!(args.load.replay_speed > 0.0, "--replay-speed is above 0");
    Ok(args.load.replay.as_ref().map(read).transpose()?)
}

fn contenders(args: &BenchArgs, replay: Option<&Trace>) -> Result<Vec<Contender>> {
    let place = match (&args.serve, &args.target) {
        (Some(path), _) => Place::Path(path.clone()),
        (None, Some(target)) => Place::of(target),
        (None, None) => {
            anyhow::bail!("there is nothing to measure: give an address or --serve PATH")
        }
    };
    let label = if args.vs.is_some() { "A" } else { "" };
    let what = &args.what;
    let a = Wanted { label, place, model: what.model.as_deref(), protocol: what.protocol };
    let mut contenders = vec![Contender::new(args, &a, replay)?];
    if let Some(vs) = &args.vs {
        let model = what.vs_model.as_deref().or(a.model);
        let protocol = what.vs_protocol.or(what.protocol);
        let b = Wanted { label: "B", place: Place::of(vs), model, protocol };
        contenders.push(Contender::new(args, &b, replay).context("B")?);
    }
    Ok(contenders)
}

fn versions(contenders: &[Contender]) -> BTreeMap<String, String> {
    let own = ("hone".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    let servers = contenders.iter().filter(|contender| !contender.server.is_empty());
    let server = |contender: &Contender| {
        let label = &contender.subject.label;
        let key =
            if contenders.len() == 1 { "server".to_owned() } else { format!("server {label}") };
        (key, contender.server.clone())
    };
    servers.map(server).chain([own]).collect()
}

/// Measures every level, A and B in turns: ABBA, so that a machine that becomes slower or faster favours
/// nobody.
fn measure(
    args: &BenchArgs,
    plans: &[Plan],
    contenders: &[Contender],
    watch: &mut Watch<'_>,
) -> Result<Vec<TargetResult>> {
    let rounds = levels::rounds(args)?;
    let mut results: Vec<TargetResult> =
        contenders.iter().map(|contender| contender.subject.result()).collect();
    watch.levels = plans.len() * rounds * contenders.len();
    for plan in plans {
        for round in 0..rounds {
            let mut order: Vec<usize> = (0..contenders.len()).collect();
            if round % 2 == 1 {
                order.reverse();
            }
            for index in order {
                let subject = &contenders[index].subject;
                watch.begin(&subject.label, plan);
                match subject.measure(plan, round, watch) {
                    Ok(level) => results[index].levels.push(level),
                    // What was measured before is worth showing.
                    Err(MeasureError::Stopped) => {}
                    Err(error) => return Err(failed(error, plan, watch)),
                }
                if watch.is_stopped() {
                    return some(results);
                }
            }
        }
    }
    results.iter_mut().for_each(|result| result.knee = Knee::of(&result.levels));
    some(results)
}

fn failed(error: MeasureError, plan: &Plan, watch: &mut Watch<'_>) -> anyhow::Error {
    watch.clear();
    let load = plan.load.level();
    anyhow::Error::from(error).context(format!("at {:?} load {}", load.mode, load.value))
}

fn some(results: Vec<TargetResult>) -> Result<Vec<TargetResult>> {
    let is_empty = results.iter().all(|result| result.levels.is_empty());
    if is_empty {
        return Err(MeasureError::Stopped.into());
    }
    Ok(results)
}

/// The highest rate that holds the objective.
fn search(
    args: &BenchArgs,
    contender: &Contender,
    objective: Objective,
    watch: &mut Watch<'_>,
    document: &mut ResultDocument,
) -> Result<()> {
    let subject = &contender.subject;
    let mut result = subject.result();
    let mut search = Search::new(objective, search_options(args, contender, watch)?);
    while let Some(probe) = search.next() {
        let load = Load::Open { rate: probe.rate, arrivals: args.load.arrivals };
        let mut plan = levels::plan(args, load)?;
        // Beyond what the server can take no warm-up ever agrees, and half of the probes are beyond.
        plan.warm_up.warm_up_max = plan.warm_up.warm_up_max.min(plan.duration.max(PROBE_WARM_UP));
        plan.duration *= probe.length;
        watch.begin("", &plan);
        let level = match subject.measure(&plan, 0, watch) {
            Ok(level) => level,
            // What was found before is worth showing.
            Err(MeasureError::Stopped) => break,
            Err(error) => return Err(failed(error, &plan, watch)),
        };
        search.observe(&level.summary);
        result.levels.push(level);
        if watch.is_stopped() {
            break;
        }
    }
    document.search = Some(search.result());
    document.targets = vec![result];
    Ok(())
}

/// Half of what a short closed loop reaches is where the search starts.
fn search_options(
    args: &BenchArgs,
    contender: &Contender,
    watch: &mut Watch<'_>,
) -> Result<SearchOptions> {
    let scout = Plan {
        duration: SCOUT_TIME,
        objective: None,
        ..levels::plan(args, Load::Closed { callers: SCOUTS })?
    };
    watch.begin("", &scout);
    let reached = contender.subject.measure(&scout, 0, watch)?.summary.throughput.value;
    Ok(SearchOptions { start: (reached / 2.0).max(0.1), ..SearchOptions::default() })
}

/// What a comparison with a stored result found.
#[derive(Clone, Debug, Default)]
struct Regressed {
    is_regressed: bool,
    /// For people.
    lines: Vec<String>,
}

fn baseline(
    args: &BenchArgs,
    document: &mut ResultDocument,
    stored: &ResultDocument,
    name: &str,
) -> Result<Regressed> {
    let options = BaselineOptions { tolerance: args.judge.fail_over.0, strict: args.judge.strict };
    let baseline = Baseline::of(document, stored, name, options)?;
    document.baseline = Some(baseline.comparison.clone());
    let mut lines = baseline.warnings.clone();
    lines.extend(
        baseline.regressions.iter().map(|regression| outputs::regression(regression, &options)),
    );
    Ok(Regressed { is_regressed: !baseline.regressions.is_empty(), lines })
}
