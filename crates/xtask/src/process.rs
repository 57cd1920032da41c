//! Child processes whose failures say what was run and what it printed.

use std::{
    ffi::OsStr,
    io::ErrorKind,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

/// Runs `command` quietly and returns what it wrote to its standard output.
///
/// # Errors
///
/// The program is missing or failed; the message holds the command line and its whole output.
pub(crate) fn output(mut command: Command) -> Result<String> {
    let line = command_line(&command);
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| match error.kind() {
        ErrorKind::NotFound => anyhow::anyhow!("`{}` is not installed", program(&command)),
        _ => anyhow::Error::new(error).context(format!("cannot run `{line}`")),
    })?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`{line}` failed ({}):\n{stdout}{stderr}", output.status);
    }
    Ok(stdout)
}

/// Runs `command` with this process's own input and output.
///
/// # Errors
///
/// The program is missing or failed.
pub(crate) fn show(mut command: Command) -> Result<()> {
    let line = command_line(&command);
    let status = command.status().with_context(|| format!("cannot run `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// The command as one would type it.
pub(crate) fn command_line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

fn program(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}
