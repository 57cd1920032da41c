//! The words of verdicts.

use super::{Cause, Circumstances, Shares};
use crate::report::figure::{figure, percent};

/// What advice is given on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'a> {
    pub shares: &'a Shares,
    pub circumstances: &'a Circumstances,
    /// The server's statistics do not tell decoding and encoding apart from the network.
    pub from_statistics: bool,
}

/// Batches of at least this share of the most rows are as good as full.
const FULL: f64 = 0.8;
/// Cores that are used less than this could do more ...
const IDLE: f64 = 0.5;
/// ... and those that are used more than this could not.
const USED_UP: f64 = 0.85;

/// Of a server that counts requests and no times.
pub(super) const SILENT: &str =
    "The server's statistics hold no times, so nothing can be said about what limits.";

/// What limits if `cause` takes most of the time, and what to try.
pub(super) fn on(cause: Cause, facts: &Facts<'_>) -> String {
    let share = percent(facts.shares.of(cause));
    match cause {
        Cause::Queue => queue(&share, facts),
        Cause::Compute => compute(&share, facts.circumstances),
        Cause::Network if facts.from_statistics => format!(
            "{share} of the time is outside of the server's statistics: network, decoding and \
             encoding. Try binary tensors or gRPC if this is JSON; else several rows per request \
             and a client close to the server."
        ),
        Cause::Network if facts.circumstances.is_local => format!(
            "{share} of the time is between client and server, which share this machine: system calls, \
             and waiting for a core that the other one has. Try several rows per request; measure from \
             another machine to see the server alone."
        ),
        Cause::Network => format!(
            "{share} of the time is between client and server. Try several rows per request, \
             connections that are kept, and a client close to the server."
        ),
        Cause::Codec => format!(
            "Decoding and encoding take {share} of the time. Try binary tensors or gRPC instead \
             of JSON."
        ),
        Cause::Wait => wait(&share, facts.circumstances),
        Cause::Transfer => format!(
            "Moving the messages' bytes takes {share} of the time. Try smaller tensors (FP16, only \
             the outputs that are needed) or a faster link."
        ),
        Cause::Copy => format!(
            "Gathering and splitting batches takes {share} of the time, more than the model. Try \
             smaller inputs, fewer outputs, or smaller batches."
        ),
        Cause::HandOff => format!(
            "Hand-offs between the server's threads take {share} of the time: more threads want \
             to run than there are cores. Try fewer instances or fewer threads per instance, and \
             the load generator on another machine."
        ),
    }
}

/// The largest shares, where none stands out.
pub(super) fn balanced(shares: &Shares) -> String {
    let mut stages = shares.stages.clone();
    stages.retain(|(_, share)| *share > 0.0);
    stages.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let named =
        |(stage, share): &(crate::Stage, f64)| format!("{} {}", stage.name(), percent(*share));
    let largest: Vec<_> = stages.iter().take(3).map(named).collect();
    format!("No single stage dominates: {}.", largest.join(", "))
}

/// Puts before `words` what must be known to read them.
pub(super) fn introduced(words: &str, circumstances: &Circumstances) -> String {
    let mut text = String::new();
    if circumstances.generator_warns {
        text += "The generator warns about itself, so this may not be the server's doing. ";
    }
    if let Some((due, answered)) = circumstances.overload {
        let (due, answered) = (figure(due), figure(answered));
        text +=
            &format!("The server answered {answered} of {due} requests per second that were due. ");
    }
    text + words
}

fn queue(share: &str, facts: &Facts<'_>) -> String {
    let Circumstances { callers, cpu_share, .. } = *facts.circumstances;
    if callers.is_some_and(|callers| callers <= 1.0) {
        return format!(
            "A lone request waits {share} of its time in the queue, which can only be the batching \
             delay. Try a shorter max_queue_delay_microseconds."
        );
    }
    let waits = format!("Requests wait in the queue for {share} of their time");
    let next = match cpu_share {
        Some(used) if used >= USED_UP => format!(
            "the CPU is used up ({}). Try to make rows cheaper (lower precision, another engine, \
             `hone profile`), or more machines",
            percent(used)
        ),
        Some(used) if used < IDLE => idle(used, facts),
        _ if is_full(facts.circumstances) => "the instances take all they may. Try a larger \
             max_batch_size, more instances if cores are idle, or more machines"
            .to_owned(),
        _ => "more come than the instances take. Try more instances if cores are idle, a lower \
             precision or another engine if not"
            .to_owned(),
    };
    format!("{waits}{}: {next}.", batches(facts.circumstances))
}

/// Advice for a queue beside idle cores.
fn idle(used: f64, facts: &Facts<'_>) -> String {
    let used = percent(used);
    let full = is_full(facts.circumstances);
    // The model would have to be the longer part if it were what requests wait for.
    let delayed = facts.shares.of(Cause::Queue) > 3.0 * facts.shares.of(Cause::Compute);
    let next = match (full, delayed) {
        (true, _) => "more instances (instance_group) or a larger max_batch_size",
        (false, true) => {
            "a shorter max_queue_delay_microseconds, and more instances (instance_group)"
        }
        (false, false) => "more instances (instance_group) or more threads per instance",
    };
    format!("cores are idle ({used} used). Try {next}")
}

fn compute(share: &str, circumstances: &Circumstances) -> String {
    let Circumstances { callers, cpu_share, batch_rows_mean, batch_rows_max, .. } = *circumstances;
    let mut text = format!("The model itself takes {share} of the time. ");
    let lone_rows = batch_rows_mean.is_some_and(|mean| mean < 1.5);
    let may_batch = batch_rows_max.is_some_and(|max| max > 1);
    let many_callers = callers.is_some_and(|callers| callers > 1.0);
    if lone_rows && may_batch && many_callers {
        text += "Its batches hold hardly more than one row: dynamic_batching may bring more \
                 throughput. ";
    }
    if let Some(used) = cpu_share.filter(|used| *used < IDLE) {
        text += &format!(
            "Cores are idle ({} used): more instances or threads can help. ",
            percent(used)
        );
    }
    text + "Try a lower precision or another engine; `hone profile` shows which operators take it."
}

fn wait(share: &str, circumstances: &Circumstances) -> String {
    if circumstances.overload.is_some() {
        return format!(
            "Requests wait {share} of their time before they can even be sent, because the server \
             does not keep up with the rate. Try a lower rate; a run with a number in flight \
             (closed loop) shows where the server's own time goes."
        );
    }
    format!(
        "Requests wait {share} of their time in the generator, for their turn or a free \
         connection. Try more connections or threads for the generator."
    )
}

fn is_full(circumstances: &Circumstances) -> bool {
    let Circumstances { batch_rows_mean, batch_rows_max, .. } = *circumstances;
    #[expect(clippy::cast_precision_loss, reason = "a count of rows")]
    let full = |(mean, max): (f64, u64)| max > 1 && mean >= FULL * max as f64;
    batch_rows_mean.zip(batch_rows_max).is_some_and(full)
}

/// ` in batches of 7.6 rows of 8`, as far as it is known.
fn batches(circumstances: &Circumstances) -> String {
    let Circumstances { batch_rows_mean, batch_rows_max, .. } = *circumstances;
    let Some(mean) = batch_rows_mean else { return String::new() };
    let of = batch_rows_max.map(|max| format!(" of at most {max}")).unwrap_or_default();
    format!(" (batches have {} rows on average{of})", figure(mean))
}
