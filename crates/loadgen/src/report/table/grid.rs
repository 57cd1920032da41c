//! Columns that stand under each other.

use std::io::{Result, Write};

use super::Colours;

/// How a row is painted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Dim,
}

/// A table whose first column is aligned to the left and all others to the right; what stands behind
/// the last of the header's columns is text too.
#[derive(Debug, Default)]
pub(super) struct Grid {
    rows: Vec<(Vec<String>, Tone)>,
    notes: Vec<Note>,
}

impl Grid {
    pub(super) fn new(header: Vec<String>) -> Self {
        Self { rows: vec![(header, Tone::Dim)], notes: Vec::new() }
    }

    pub(super) fn push(&mut self, row: Vec<String>, tone: Tone) {
        self.rows.push((row, tone));
    }

    /// A sentence below the last row, over the whole width.
    pub(super) fn note(&mut self, text: String) {
        self.notes.push(Note { below: self.rows.len(), text, is_warning: false });
    }

    /// A warning below the last row, over the whole width.
    pub(super) fn warn(&mut self, text: String) {
        self.notes.push(Note { below: self.rows.len(), text, is_warning: true });
    }

    /// Writes the rows, indented by two, without columns in which nothing stands.
    pub(super) fn write(&self, colours: Colours, out: &mut dyn Write) -> Result<()> {
        let widths = self.widths();
        for (number, (row, tone)) in self.rows.iter().enumerate() {
            let line = self.line(row, &widths);
            let painted = match tone {
                Tone::Plain => line,
                Tone::Dim => colours.dim(&line),
            };
            writeln!(out, "  {painted}")?;
            for note in self.notes.iter().filter(|note| note.below == number + 1) {
                note.write(colours, out)?;
            }
        }
        Ok(())
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for (column, (text, width)) in row.iter().zip(widths).enumerate() {
            if *width == 0 {
                continue;
            }
            let gap = if line.is_empty() { "" } else { "  " };
            let padding = " ".repeat(width.saturating_sub(text.chars().count()));
            let (before, after) =
                if self.is_text(column) { ("", &*padding) } else { (&*padding, "") };
            line = line + gap + before + text + after;
        }
        line.truncate(line.trim_end().len());
        line
    }

    fn is_text(&self, column: usize) -> bool {
        column == 0 || self.rows.first().is_some_and(|(header, _)| column >= header.len())
    }

    /// Characters per column; 0 if nothing stands below its header.
    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(|(row, _)| row.len()).max().unwrap_or(0);
        let of = |column| {
            let cells = self.rows.iter().map(move |(row, _)| {
                row.get(column).map_or(0, |cell: &String| cell.chars().count())
            });
            let is_empty = cells.clone().skip(1).all(|length| length == 0);
            if is_empty { 0 } else { cells.max().unwrap_or(0) }
        };
        (0..columns).map(of).collect()
    }
}

#[derive(Debug)]
struct Note {
    /// Rows above it.
    below: usize,
    text: String,
    is_warning: bool,
}

impl Note {
    fn write(&self, colours: Colours, out: &mut dyn Write) -> Result<()> {
        let paint = |line: &str| {
            if self.is_warning { colours.red(line) } else { colours.dim(line) }
        };
        super::write_paragraph(&self.text, 4, paint, out)
    }
}
