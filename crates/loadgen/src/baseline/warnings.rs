//! What makes a comparison with a stored run doubtful.

use crate::{Machine, ResultDocument};

pub(super) fn of(this: &ResultDocument, stored: &ResultDocument, loads: usize) -> Vec<String> {
    let found = [
        machines(&this.machine, &stored.machine),
        versions(this, stored),
        missing(this, loads),
        unsteady(this, "this run"),
        unsteady(stored, "the stored run"),
    ];
    found.into_iter().flatten().collect()
}

fn machines(this: &Machine, stored: &Machine) -> Option<String> {
    let words = |machine: &Machine| format!("{} with {} cores", machine.cpu, machine.cores);
    let is_same = this.cpu == stored.cpu && this.cores == stored.cores;
    (!is_same).then(|| format!("the machines differ: {} now, {} then", words(this), words(stored)))
}

fn versions(this: &ResultDocument, stored: &ResultDocument) -> Option<String> {
    let change = |(name, now): (&String, &String)| {
        let then = stored.versions.get(name)?;
        (then != now).then(|| format!("{name} {now} now, {then} then"))
    };
    let changes: Vec<String> = this.versions.iter().filter_map(change).collect();
    (!changes.is_empty()).then(|| format!("versions differ: {}", changes.join("; ")))
}

/// Loads of this run that the stored one lacks.
fn missing(this: &ResultDocument, loads: usize) -> Option<String> {
    let mut all = Vec::new();
    for target in &this.targets {
        for level in &target.levels {
            let load = (&target.model, &level.load);
            if !all.contains(&load) {
                all.push(load);
            }
        }
    }
    (loads < all.len())
        .then(|| format!("only {loads} of this run's {} loads are in both", all.len()))
}

fn unsteady(document: &ResultDocument, name: &str) -> Option<String> {
    let summaries =
        || document.targets.iter().flat_map(|target| &target.levels).map(|level| &level.summary);
    let unsteady = summaries().filter(|summary| !summary.stability.stable).count();
    let warned = summaries().filter(|summary| !summary.generator.warnings.is_empty()).count();
    match (unsteady, warned) {
        (0, 0) => None,
        (_, 0) => Some(format!("not every level of {name} was steady")),
        (_, warned) => Some(format!("the generator of {name} warned {warned} times")),
    }
}
