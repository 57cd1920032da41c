//! Files and the table.

use std::{
    fs,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use loadgen::{BaselineOptions, Regression, ResultDocument, write_csv, write_html, write_table};
use tempfile::NamedTempFile;

use super::{Regressed, args::OutputArgs, watch::colours};

/// A stored result and its name.
pub(super) fn read_baseline(path: Option<&Path>) -> Result<Option<(String, ResultDocument)>> {
    let Some(path) = path else { return Ok(None) };
    let name = path.display().to_string();
    let text = fs::read(path).with_context(|| format!("cannot read {name}"))?;
    let stored = ResultDocument::from_json(&text).with_context(|| name.clone())?;
    Ok(Some((name, stored)))
}

/// A regression in words.
pub(super) fn regression(regression: &Regression, options: &BaselineOptions) -> String {
    let Regression { model, load, metric, ratio } = regression;
    format!(
        "regression: {metric} of {model} at {:?} load {} is {:.3} [{:.3}, {:.3}] times that of the \
         baseline, which is worse by more than {}%",
        load.mode,
        load.value,
        ratio.value,
        ratio.low,
        ratio.high,
        options.tolerance * 100.0
    )
}

/// Writes the files that are asked for, and the table to standard output.
pub(super) fn write(
    document: &ResultDocument,
    output: &OutputArgs,
    regressed: &Regressed,
) -> Result<()> {
    if let Some(path) = &output.output {
        write_file(path, |file| writeln!(file, "{}", document.to_json()))?;
    }
    if let Some(path) = &output.csv {
        write_file(path, |file| write_csv(document, file))?;
    }
    if let Some(path) = &output.html {
        write_file(path, |file| write_html(document, file))?;
    }
    let mut text = Vec::new();
    write_table(document, colours(io::stdout().is_terminal()), &mut text)?;
    for line in &regressed.lines {
        writeln!(text, "{line}")?;
    }
    let files = [&output.output, &output.csv, &output.html];
    let written: Vec<String> =
        files.into_iter().flatten().map(|path| path.display().to_string()).collect();
    if !written.is_empty() {
        writeln!(text, "\nwritten: {}", written.join(", "))?;
    }
    // Nobody is left to be told if standard output is closed.
    let _ = io::stdout().lock().write_all(&text);
    Ok(())
}

/// Writes a file whole or not at all.
fn write_file(path: &PathBuf, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let failed = || format!("cannot write {}", path.display());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).with_context(failed)?;
    write(file.as_file_mut()).with_context(failed)?;
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(permissions).with_context(failed)?;
    file.persist(path).with_context(failed)?;
    Ok(())
}
