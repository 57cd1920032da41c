//! Progress, tables and the results file.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool that prints its results")]

mod table;

use std::{fs, path::Path};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::{goals, life::LifeFigure, machine::Machine, results::Cell};

/// Everything that a run found.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    /// On what and with what.
    pub(crate) machine: Machine,
    /// How long it took.
    pub(crate) seconds: f64,
    /// Loads.
    pub(crate) cells: Vec<Cell>,
    /// What is missing and why.
    pub(crate) left_out: Vec<String>,
    /// Start, memory, health.
    pub(crate) life: Vec<LifeFigure>,
}

/// Says where a run is.
pub(crate) fn progress(line: &str) {
    eprintln!("{line}");
}

/// Prints a result.
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// Says what a cell became.
pub(crate) fn cell_progress(cell: &Cell) {
    progress(&format!("  {}", table::cell_line(cell)));
}

/// Says what a figure became.
pub(crate) fn life_progress(figure: &LifeFigure) {
    let median = figure.median().unwrap_or(f64::NAN);
    progress(&format!("  {}: {}: {median:.3}", figure.server, figure.what));
}

/// Markdown of what is missing; empty if nothing is.
pub(crate) fn left_out(left_out: &[String]) -> String {
    table::left_out(left_out)
}

/// Markdown of goals; empty if none was measured.
pub(crate) fn goals_table(goals: &[goals::Goal]) -> String {
    table::goals(goals)
}

impl Report {
    /// An empty one.
    pub(crate) fn new(machine: Machine) -> Self {
        Self { machine, seconds: 0.0, cells: Vec::new(), left_out: Vec::new(), life: Vec::new() }
    }

    /// Prints the tables, writes them to `report` and everything as JSON into `folder`.
    pub(crate) fn write(&self, folder: &Path, report: Option<&Path>) -> Result<()> {
        let text = self.to_markdown();
        say(&text);
        if let Some(path) = report {
            fs::write(path, &text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        fs::create_dir_all(folder)?;
        let seconds = std::time::SystemTime::UNIX_EPOCH.elapsed()?.as_secs();
        let path = folder.join(format!("serving-{seconds}.json"));
        fs::write(&path, serde_json::to_vec_pretty(self)?)?;
        progress(&format!("results: {}", path.display()));
        Ok(())
    }

    fn to_markdown(&self) -> String {
        let goals = goals::evaluate(&self.cells, &self.life);
        let parts = [
            table::machine(&self.machine, self.seconds),
            table::left_out(&self.left_out),
            table::goals(&goals),
            table::loads(&self.cells),
            table::life(&self.life),
        ];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
    }
}
