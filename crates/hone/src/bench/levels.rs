//! The load levels of a run.

use std::{num::NonZeroUsize, time::Duration};

use anyhow::{Result, ensure};
use loadgen::{CALLERS_MAX, Load, Plan, StabilityOptions, Trace};

use super::args::{BenchArgs, LoadArgs};

/// Measured time of a level, alone and in a round of a comparison.
const DURATION: Duration = Duration::from_secs(10);
const ROUND_DURATION: Duration = Duration::from_secs(2);

/// Rounds of a comparison.
const COMPARED_ROUNDS: usize = 10;

/// Rounds at most.
const ROUNDS_MAX: usize = 1000;

/// Highest rate that may be asked for.
const RATE_MAX: f64 = 1e7;

/// The plan of every level.
pub(super) fn plans(args: &BenchArgs, replay: Option<&Trace>) -> Result<Vec<Plan>> {
    let loads = loads(&args.load, replay)?;
    loads.into_iter().map(|load| plan(args, load)).collect()
}

/// How often each level is measured.
pub(super) fn rounds(args: &BenchArgs) -> Result<usize> {
    let rounds = args.load.rounds.unwrap_or(if args.vs.is_some() { COMPARED_ROUNDS } else { 1 });
    ensure!((1..=ROUNDS_MAX).contains(&rounds), "--rounds is 1 to {ROUNDS_MAX}");
    Ok(rounds)
}

/// The plan of one level.
pub(super) fn plan(args: &BenchArgs, load: Load) -> Result<Plan> {
    let LoadArgs { threads, connections, timeout, warm_up, duration, seed, .. } = &args.load;
    let default = if args.vs.is_some() { ROUND_DURATION } else { DURATION };
    let duration = duration.map_or(default, |span| span.0);
    let is_measured = !duration.is_zero() || matches!(load, Load::Replay { .. });
    ensure!(is_measured, "--duration is longer than 0s");
    ensure!(!timeout.0.is_zero(), "--timeout is longer than 0s");
    ensure!(*connections > 0, "--connections is at least 1");
    let threads = NonZeroUsize::new(*threads).filter(|threads| threads.get() <= 256);
    let threads = threads.ok_or_else(|| anyhow::anyhow!("--threads is 1 to 256"))?;
    let duration = match &load {
        Load::Replay { times } => times.last().copied().unwrap_or_default(),
        _ => duration,
    };
    Ok(Plan {
        duration,
        warm_up: StabilityOptions { warm_up_max: warm_up.0, ..StabilityOptions::default() },
        threads,
        connections_max: *connections,
        timeout: timeout.0,
        objective: args.judge.slo.clone(),
        seed: *seed,
        ..Plan::new(load)
    })
}

fn loads(args: &LoadArgs, replay: Option<&Trace>) -> Result<Vec<Load>> {
    let arrivals = args.arrivals;
    if let Some(trace) = replay {
        return Ok(vec![Load::Replay { times: trace.times.clone() }]);
    }
    if let Some(rates) = &args.rate {
        rates.0.iter().try_for_each(|rate| check_rate(*rate))?;
        return Ok(rates.0.iter().map(|rate| Load::Open { rate: *rate, arrivals }).collect());
    }
    if let Some(ramp) = &args.ramp {
        ensure!(ramp.low > 0.0, "--ramp begins above 0");
        check_rate(ramp.high)?;
        return Ok(vec![Load::Ramp { from: ramp.low, to: ramp.high, arrivals }]);
    }
    if let Some(users) = &args.sessions {
        ensure!(args.turns > 0, "--turns is at least 1");
        let (turns, think) = (args.turns, args.think.0);
        let session = |users: &f64| Ok(Load::Sessions { users: whole(*users)?, turns, think });
        return users.0.iter().map(session).collect();
    }
    let Some(callers) = &args.concurrency else { return Ok(vec![Load::Closed { callers: 1 }]) };
    callers.0.iter().map(|callers| Ok(Load::Closed { callers: whole(*callers)? })).collect()
}

fn check_rate(rate: f64) -> Result<()> {
    ensure!(rate <= RATE_MAX, "a rate of {rate} per second is more than {RATE_MAX}");
    Ok(())
}

/// A number of callers.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was checked")]
fn whole(callers: f64) -> Result<usize> {
    ensure!(callers.fract() == 0.0, "{callers} is no whole number of callers");
    ensure!(callers <= CALLERS_MAX as f64, "more than {CALLERS_MAX} callers");
    Ok(callers as usize)
}
