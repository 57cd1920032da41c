//! Whether the load generator can be believed: what it sustains, how punctual it is, whether it shows a
//! stall and claims differences only where there are any.

mod dashboard;
mod honesty;
mod rate;
mod tools;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use loadgen::Machine;

use crate::{config, report};
use tools::Tools;

/// Arguments of `bench generator`.
#[derive(Debug, Args)]
pub(crate) struct GeneratorArgs {
    /// Only these parts.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "rate,lateness,stall,twins,dashboard,profile"
    )]
    only: Vec<Part>,
    /// Rounds of rates and lateness.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Comparisons of the floor with itself.
    #[arg(long, default_value_t = 100)]
    twins: usize,
    /// Hone's binary [default: beside this one].
    #[arg(long)]
    hone: Option<PathBuf>,
    /// File for the table [default: printed only].
    #[arg(long)]
    report: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    Rate,
    Lateness,
    Stall,
    Twins,
    Dashboard,
    Profile,
}

/// One line of the table.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    /// What was measured.
    pub(crate) what: String,
    /// The limit that has to be met, in words.
    pub(crate) must: &'static str,
    /// The limit that is aimed at, in words.
    pub(crate) aim: &'static str,
    /// What was found, in words.
    pub(crate) found: String,
    /// Whether the must is met; `None` where there is none.
    pub(crate) is_met: Option<bool>,
}

/// Runs the parts and writes the table.
pub(crate) fn run(arguments: &GeneratorArgs, work: &Path) -> Result<()> {
    let cache = config::cache_dir()?;
    let beside = std::env::current_exe()?.with_file_name("hone");
    let tools = Tools {
        hone: arguments.hone.clone().unwrap_or(beside),
        perf_analyzer: cache.join("perf_analyzer/run"),
        models: cache.join("models"),
        work: work.to_owned(),
    };
    let mut findings = Vec::new();
    for part in &arguments.only {
        report::progress(&format!("{part:?}"));
        let found = match part {
            Part::Rate => rate::rate(&tools, arguments.rounds),
            Part::Lateness => rate::lateness(&tools, arguments.rounds),
            Part::Stall => honesty::stall(&tools),
            Part::Twins => honesty::twins(&tools, arguments.twins),
            Part::Dashboard => dashboard::dashboard(&tools),
            Part::Profile => honesty::profile(&tools),
        };
        let found = found.with_context(|| format!("{part:?}"))?;
        found.iter().for_each(|finding| {
            report::progress(&format!("  {}: {}", finding.what, finding.found))
        });
        findings.extend(found);
    }
    let text = markdown(&findings);
    report::say(&text);
    if let Some(path) = &arguments.report {
        fs::write(path, &text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn markdown(findings: &[Finding]) -> String {
    let machine = Machine::this();
    let command = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
    let mut text = format!(
        "# The load generator, measured\n\n`cargo xtask bench {command}`\n\n{}, {} cores, {}\n\n\
         | what | must | aim | found | |\n|---|---|---|---|---|\n",
        machine.cpu, machine.cores, machine.system
    );
    for Finding { what, must, aim, found, is_met } in findings {
        let verdict = match is_met {
            Some(true) => "met",
            Some(false) => "missed",
            None => "",
        };
        text += &format!("| {what} | {must} | {aim} | {found} | {verdict} |\n");
    }
    text
}
