//! The result on a terminal.

mod comparison;
mod details;
mod grid;
mod levels;

use std::io::{Result, Write};

use super::headline::{headline, most_telling};
use crate::result::{ResultDocument, TargetResult};

/// Widest line, as far as names allow.
const WIDTH: usize = 110;

/// Whether text may hold colours (ANSI escape sequences).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    /// No: a file, or a terminal whose user does not want them.
    Off,
    /// Yes.
    On,
}

impl Colours {
    pub(super) fn red(self, text: &str) -> String {
        self.paint("31", text)
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Self::On if !text.is_empty() => format!("\x1b[{code}m{text}\x1b[0m"),
            Self::On | Self::Off => text.to_owned(),
        }
    }
}

/// Writes everything that a person wants to know at once. The first line answers what was asked;
/// warnings stand, in red, below the figures that they are about.
///
/// # Errors
///
/// `out` fails.
pub fn write_table(document: &ResultDocument, colours: Colours, out: &mut dyn Write) -> Result<()> {
    let lines = wrapped(&headline(document), WIDTH);
    for line in lines {
        writeln!(out, "{}", colours.bold(&line))?;
    }
    for target in &document.targets {
        writeln!(out)?;
        write_target(document, target, colours, out)?;
    }
    comparison::write(document, colours, out)
}

fn write_target(
    document: &ResultDocument,
    target: &TargetResult,
    colours: Colours,
    out: &mut dyn Write,
) -> Result<()> {
    writeln!(out, "{}", title(target))?;
    levels::write(target, colours, out)?;
    if let Some(level) = most_telling(document, target) {
        details::write(level, target.levels.len() > 1, colours, out)?;
    }
    if let Some(knee) = &target.knee {
        let text = format!("Knee: {}. {}", super::figure::load(&knee.load), knee.reason);
        write_paragraph(&text, 2, |line| line.to_owned(), out)?;
    }
    Ok(())
}

fn title(target: &TargetResult) -> String {
    let TargetResult { label, url, protocol, model, .. } = target;
    let label = if label.is_empty() || label == model {
        String::new()
    } else {
        format!("{}: ", clean(label))
    };
    format!("{label}{} at {} over {protocol}", clean(model), clean(url))
}

/// Text that comes from elsewhere, without what could command a terminal.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

/// Writes a paragraph, indented, each line painted.
fn write_paragraph(
    text: &str,
    indent: usize,
    paint: impl Fn(&str) -> String,
    out: &mut dyn Write,
) -> Result<()> {
    for line in wrapped(text, WIDTH - indent) {
        writeln!(out, "{:indent$}{}", "", paint(&line))?;
    }
    Ok(())
}

/// Lines of at most `width` characters, broken between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    // A unit stays on the line of its number.
    let text = clean(text).replace(" %", "\u{a0}%").replace(" ms", "\u{a0}ms");
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.into_iter().map(|line| line.replace('\u{a0}', " ")).collect()
}

#[cfg(test)]
mod tests;
