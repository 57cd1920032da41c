use std::fmt;

/// Rows with a label and right-aligned cells.
#[derive(Debug)]
pub(super) struct Table {
    title: String,
    columns: Vec<String>,
    rows: Vec<Row>,
    footer: String,
}

#[derive(Debug)]
enum Row {
    Cells(String, Vec<String>),
    Line,
}

impl Table {
    pub(super) fn new(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            columns: Vec::new(),
            rows: Vec::new(),
            footer: String::new(),
        }
    }

    pub(super) fn column(&mut self, name: &str) {
        self.columns.push(name.to_owned());
    }

    /// Cells that are missing at the end stay empty.
    pub(super) fn row(&mut self, label: &str, cells: impl IntoIterator<Item = String>) {
        self.rows.push(Row::Cells(label.to_owned(), cells.into_iter().collect()));
    }

    /// Draws a line between two rows.
    pub(super) fn line(&mut self) {
        self.rows.push(Row::Line);
    }

    /// Text below the table.
    pub(super) fn footer(&mut self) -> &mut String {
        &mut self.footer
    }

    fn label_width(&self) -> usize {
        let labels = self.rows.iter().filter_map(|row| match row {
            Row::Cells(label, _) => Some(label.chars().count()),
            Row::Line => None,
        });
        labels.chain([self.title.chars().count()]).max().unwrap_or(0)
    }

    fn widths(&self) -> Vec<usize> {
        let width = |(index, name): (usize, &String)| {
            let cells = self.rows.iter().filter_map(|row| match row {
                Row::Cells(_, cells) => Some(cells.get(index)?.chars().count()),
                Row::Line => None,
            });
            cells.chain([name.chars().count()]).max().unwrap_or(0)
        };
        self.columns.iter().enumerate().map(width).collect()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (label_width, widths) = (self.label_width(), self.widths());
        let full = label_width + widths.iter().map(|width| width + 2).sum::<usize>();
        let line = |label: &str, cells: &[String]| {
            let mut line = format!("{label:label_width$}");
            for (cell, width) in cells.iter().zip(&widths) {
                line += &format!("  {cell:>width$}");
            }
            line
        };
        writeln!(f, "{}", line(&self.title, &self.columns).trim_end())?;
        for row in &self.rows {
            match row {
                Row::Line => writeln!(f, "{}", "-".repeat(full))?,
                Row::Cells(label, cells) => writeln!(f, "{}", line(label, cells).trim_end())?,
            }
        }
        f.write_str(&self.footer)
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let mut table = Table::new("Title");
        table.column("ms");
        table.column("long name");
        table.row("a", ["1.25".to_owned(), "x".to_owned()]);
        table.row("a longer label", ["100.50".to_owned()]);
        table.line();
        table.row("b", []);
        table.footer().push_str("that is all\n");
        let expected = "\
Title               ms  long name
a                 1.25          x
a longer label  100.50
---------------------------------
b
that is all
";
        assert_eq!(table.to_string(), expected);
    }
}
