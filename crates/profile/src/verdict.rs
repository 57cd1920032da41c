//! What the figures mean, in words: what limits, and what to try next. Says nothing that they do not
//! show.

use crate::{
    BatchOutcome, Ceiling, LoadProfile, ProfileDocument, ScalingPoint, StageTime, text::ms,
};

/// Stages of the front end and of the way there.
const FRONT_END: [&str; 6] =
    ["client_send", "network", "decode", "server_other", "encode", "client_receive"];
/// A front end that takes less of a request's time is not worth looking at.
const NEGLIGIBLE: f64 = 0.05;
/// A model that needs so much of the cores' time is the limit.
const BUSY: f64 = 0.8;
/// Runs that the profiler makes longer by more than this factor are told apart no more.
const WATCHED_MAX: f64 = 1.5;
/// With so much of the cores' time elsewhere, rates say little.
const DISTURBED: f64 = 0.1;
/// Two rates that differ by less are the same.
const SAME: f64 = 0.05;

/// The verdict on a document that has everything else.
pub(crate) fn verdict(document: &ProfileDocument) -> Vec<String> {
    let low = document.loads.iter().find(|load| load.name == "low");
    let full = document.loads.iter().find(|load| load.name == "saturating");
    let mut lines = Vec::new();
    lines.extend(low.map(at_low_load));
    lines.extend(full.map(at_saturating_load));
    lines.push(batching(document));
    lines.extend(scaling(document));
    lines.push(against_the_machine(&document.ceiling));
    lines.extend(operators(document));
    lines.extend(precision(document));
    lines.extend(lengths(document));
    lines.extend(document.loads.iter().filter_map(unexplained));
    lines
}

fn at_low_load(load: &LoadProfile) -> String {
    let Some(longest) = longest(load) else {
        return "At low load no request told where its time went.".to_owned();
    };
    let front = front_end(load);
    let (label, share) = (longest.label, percent(longest.share));
    let front_words = if front < NEGLIGIBLE {
        format!("front end and network are negligible ({})", percent(front))
    } else {
        format!("front end and network take {}", percent(front))
    };
    format!(
        "A request alone takes {} ms: {share} of it is {label}; {front_words}.",
        ms(load.latency.mean_ms)
    )
}

fn at_saturating_load(load: &LoadProfile) -> String {
    let rate = load.requests_per_second;
    let (busy, needed) = (load.instances_busy.min(1.0), load.cores_in_model.min(1.0));
    let begin = format!(
        "With {} connections it answers {rate:.1} requests per second, in batches of {:.1} rows; the \
         model itself needs {} of the cores' time for that",
        load.connections,
        load.batch_rows,
        percent(needed)
    );
    if needed >= BUSY {
        let queue = percent(share_of(load, "queue"));
        return format!(
            "{begin}, so its compute is the limit ({queue} of a request's time is waiting for it)."
        );
    }
    if load.cores_elsewhere >= DISTURBED {
        return format!(
            "{begin}. Other programs had {} of the cores meanwhile, so that this does not show the limit: \
             profile a quiet machine.",
            percent(load.cores_elsewhere)
        );
    }
    let busy = if busy >= BUSY {
        format!(
            " Its instances are at a batch {} of the time, for they share the cores.",
            percent(busy)
        )
    } else {
        format!(" Its instances are at a batch {} of the time.", percent(busy))
    };
    format!(
        "{begin}, so compute alone is not the limit: the rest goes to front end, system and this \
         client.{busy}"
    )
}

fn batching(document: &ProfileDocument) -> String {
    let curve = &document.batches;
    let at = |rows: usize| curve.points.iter().find(|point| point.rows == rows);
    let rate = |rows: usize| at(rows).map_or(0.0, |point| point.rows_per_second);
    let first = curve.points.first().map_or(1, |point| point.rows);
    let last = curve.points.last().map_or(1, |point| point.rows);
    match curve.outcome {
        BatchOutcome::Fixed => "Only one batch size was measured: the model takes no other, or a \
                                larger one takes too long for the time given."
            .to_owned(),
        BatchOutcome::Pays => {
            let allowed = document.model.batch_rows_max;
            let next = if allowed < curve.best_rows {
                format!(
                    "; the server may gather only {allowed}: set max_batch_size to {}",
                    curve.best_rows
                )
            } else {
                String::new()
            };
            format!(
                "Batching pays up to {} rows: {:.1} rows/s against {:.1} with {first}, {:.2} times \
                 as many (from 1.10 times on it counts as paying){next}.",
                curve.best_rows,
                rate(curve.best_rows),
                rate(first),
                curve.gain
            )
        }
        BatchOutcome::NoGain => format!(
            "Batching does not pay: {:.1} rows/s with {first}, {:.1} with {last}. Requests gain \
             nothing by waiting for each other.",
            rate(first),
            rate(last)
        ),
    }
}

fn scaling(document: &ProfileDocument) -> Option<String> {
    let throughput = throughput(document);
    let latency = lone_request(&document.scaling);
    let both: Vec<String> = throughput.into_iter().chain(latency).collect();
    (!both.is_empty()).then(|| both.join(" "))
}

/// The best way of dividing all cores, against the next.
fn throughput(document: &ProfileDocument) -> Option<String> {
    let cores = document.machine.cores;
    let mut ways: Vec<&ScalingPoint> = document.scaling.iter().collect();
    ways.retain(|way| way.instances * way.threads == cores);
    ways.sort_by(|one, other| other.requests_per_second.total_cmp(&one.requests_per_second));
    let [best, next, ..] = &ways[..] else { return None };
    let name = |way: &ScalingPoint| {
        format!("{} x {}", instances_of(way.instances), threads_of(way.threads))
    };
    let (best_rate, next_rate) = (best.requests_per_second, next.requests_per_second);
    let is_better = best_rate > next_rate * (1.0 + SAME);
    let verb = if is_better { "beats" } else { "is no better for throughput than" };
    let (best, next) = (name(best), name(next));
    Some(format!(
        "{best} {verb} {next}: {best_rate:.1} against {next_rate:.1} requests per second."
    ))
}

/// Whether more threads bring an answer sooner.
fn lone_request(points: &[ScalingPoint]) -> Option<String> {
    let alone = || points.iter().filter(|point| point.instances == 1);
    let single = alone().find(|point| point.threads == 1)?;
    let quickest = alone().min_by(|one, other| one.p50_ms.total_cmp(&other.p50_ms))?;
    if alone().count() < 2 {
        return None;
    }
    Some(if quickest.p50_ms < single.p50_ms * (1.0 - SAME) {
        format!(
            "A lone run takes {} ms with {}, {} with one.",
            ms(quickest.p50_ms),
            threads_of(quickest.threads),
            ms(single.p50_ms)
        )
    } else {
        format!("More threads do not make a lone run shorter ({} ms with one).", ms(single.p50_ms))
    })
}

fn against_the_machine(ceiling: &Ceiling) -> String {
    if ceiling.operations == 0.0 {
        return "No node multiplies matrices in a way that is known here, so there is no share of the \
                machine's peak to tell."
            .to_owned();
    }
    let ridge = ceiling.peak / ceiling.bandwidth;
    let side = if ceiling.intensity >= ridge { "compute" } else { "memory" };
    format!(
        "A run reaches {:.1} GFLOP/s, {} of what {} can do in {} here ({:.1}). With {:.1} operations \
         per byte (the border is at {ridge:.1}) it is bound by {side}.",
        ceiling.achieved / 1e9,
        percent(ceiling.share_of_peak),
        threads_of(ceiling.threads),
        ceiling.element,
        ceiling.peak / 1e9,
        ceiling.intensity
    )
}

/// What takes the time of the run, and whether it is used well.
fn operators(document: &ProfileDocument) -> Option<String> {
    let ceiling = &document.ceiling;
    let first = ceiling.operators.first()?;
    let alone_ms = document.batches.points.first().map_or(0.0, |point| point.run_ms);
    if document.engine.run_seconds * 1e3 > alone_ms * WATCHED_MAX {
        return Some(
            "Runs are so short that the profiler itself takes much of their time: which node takes \
             how much of it is not to be told."
                .to_owned(),
        );
    }
    let words = |operator: &crate::OperatorTime| {
        format!(
            "{} ({} of the run, at {} of its {} bound)",
            operator.operator,
            percent(operator.share),
            percent(operator.share_of_bound),
            operator.bound.name()
        )
    };
    let named: Vec<String> =
        ceiling.operators.iter().take(3).filter(|own| own.share >= 0.05).map(words).collect();
    let movers = ceiling.operators.iter().filter(|own| own.operations.is_none());
    let moving: f64 = movers.map(|own| own.share).sum();
    let named = if named.is_empty() { words(first) } else { named.join(", ") };
    let rest = if moving >= 0.15 && ceiling.operations > 0.0 {
        format!(
            " Operators that multiply no matrices take {} in all: fusing them is worth a try.",
            percent(moving)
        )
    } else {
        String::new()
    };
    Some(format!("The time of a run goes to {named}.{rest}"))
}

/// Whether another element type could make a difference here.
fn precision(document: &ProfileDocument) -> Option<String> {
    let ceiling = &document.ceiling;
    if ceiling.element != "f32" || ceiling.share_of_peak < 0.3 {
        return None;
    }
    let peaks = &document.machine.roofline.peaks;
    let of = |element: &str| peaks.iter().find(|peak| peak.element == element);
    let base = of("f32")?.one_core;
    let words = |element: &str| {
        let peak = of(element)?;
        let isa = peak.isa?;
        let times = peak.one_core / base.max(1.0);
        (times >= 1.3).then(|| format!("{element} ({isa}) has {times:.1} times the peak of f32"))
    };
    let better: Vec<String> = ["bf16", "int8"].into_iter().filter_map(words).collect();
    if better.is_empty() {
        return Some("No narrower element type has a notably higher peak on this CPU.".to_owned());
    }
    Some(format!("On this CPU {}: a quantised model is worth a try.", better.join(", ")))
}

fn lengths(document: &ProfileDocument) -> Option<String> {
    let shorter = document.shorter.as_ref()?;
    let share = shorter.shorter_run_ms / shorter.run_ms.max(1e-9);
    let list =
        |lengths: &[usize]| lengths.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    let advice = if share <= 0.75 {
        "send inputs as short as they are, and do not pad them to one length"
    } else {
        "the length of inputs matters little"
    };
    Some(format!(
        "Half the length ({} in place of {}) takes {} of the time: {advice}.",
        list(&shorter.shorter_lengths),
        list(&shorter.lengths),
        percent(share)
    ))
}

fn unexplained(load: &LoadProfile) -> Option<String> {
    (load.samples > 0 && load.explained < 0.98).then(|| {
        format!(
            "At {} load {} of a request's time is unexplained: more than a request without work \
             needs on its way, so requests or answers wait for a core.",
            load.name,
            percent(1.0 - load.explained)
        )
    })
}

fn longest(load: &LoadProfile) -> Option<&StageTime> {
    load.stages.iter().max_by(|one, other| one.ms.total_cmp(&other.ms))
}

fn front_end(load: &LoadProfile) -> f64 {
    FRONT_END.iter().map(|name| share_of(load, name)).sum()
}

fn share_of(load: &LoadProfile, name: &str) -> f64 {
    load.stages.iter().filter(|stage| stage.name == name).map(|stage| stage.share).sum()
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn instances_of(count: usize) -> String {
    if count == 1 { "1 instance".to_owned() } else { format!("{count} instances") }
}

fn threads_of(count: usize) -> String {
    if count == 1 { "1 thread".to_owned() } else { format!("{count} threads") }
}

#[cfg(test)]
mod tests;
