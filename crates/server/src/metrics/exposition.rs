use std::fmt::Write as _;

use serving::Histogram;

/// `Content-Type` of what [`Exposition`] writes.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes the Prometheus text format, version 0.0.4. Families one after another, each once.
#[derive(Debug)]
pub(super) struct Exposition {
    text: String,
    family: &'static str,
}

/// Type of a family.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Exposition {
    /// Starts an empty page with room for `capacity` bytes.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { text: String::with_capacity(capacity), family: "" }
    }

    /// The page.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// Starts a family; its samples follow. `help` must be one line without backslashes.
    pub(super) fn family(&mut self, name: &'static str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.family = name;
        for part in ["# HELP ", name, " ", help, "\n# TYPE ", name, " ", kind, "\n"] {
            self.text.push_str(part);
        }
    }

    /// One sample of the family. `labels` is what stands between the braces; may be empty.
    pub(super) fn integer(&mut self, labels: &str, value: u64) {
        self.start("", labels, None);
        self.end_integer(value);
    }

    /// One sample with one more label, whose value must need no escaping.
    pub(super) fn integer_with(&mut self, labels: &str, label: (&str, &str), value: u64) {
        self.start("", labels, Some(label));
        self.end_integer(value);
    }

    /// One sample of the family.
    pub(super) fn float(&mut self, labels: &str, value: f64) {
        self.start("", labels, None);
        self.end_float(value);
    }

    /// All samples of one histogram; `bounds` are the bounds of its buckets as text.
    pub(super) fn histogram<const N: usize>(
        &mut self,
        labels: &str,
        bounds: &[String; N],
        histogram: &Histogram<N>,
    ) {
        let mut cumulative = 0;
        for (bound, count) in bounds.iter().zip(histogram.buckets) {
            cumulative += count;
            self.start("_bucket", labels, Some(("le", bound)));
            self.end_integer(cumulative);
        }
        self.start("_bucket", labels, Some(("le", "+Inf")));
        self.end_integer(histogram.count);
        self.start("_sum", labels, None);
        self.end_float(histogram.sum);
        self.start("_count", labels, None);
        self.end_integer(histogram.count);
    }

    fn start(&mut self, suffix: &str, labels: &str, label: Option<(&str, &str)>) {
        self.text.push_str(self.family);
        self.text.push_str(suffix);
        if !labels.is_empty() || label.is_some() {
            self.text.push('{');
            self.text.push_str(labels);
            if let Some((name, value)) = label {
                let comma = if labels.is_empty() { "" } else { "," };
                for part in [comma, name, "=\"", value, "\""] {
                    self.text.push_str(part);
                }
            }
            self.text.push('}');
        }
        self.text.push(' ');
    }

    fn end_integer(&mut self, value: u64) {
        self.text.push_str(itoa::Buffer::new().format(value));
        self.text.push('\n');
    }

    fn end_float(&mut self, value: f64) {
        let _ = writeln!(self.text, "{value}");
    }
}

/// Appends `name="value"` to what stands between the braces, escaped.
pub(super) fn push_label(labels: &mut String, name: &str, value: &str) {
    if !labels.is_empty() {
        labels.push(',');
    }
    labels.push_str(name);
    labels.push_str("=\"");
    for character in value.chars() {
        match character {
            '\\' => labels.push_str(r"\\"),
            '"' => labels.push_str("\\\""),
            '\n' => labels.push_str(r"\n"),
            other => labels.push(other),
        }
    }
    labels.push('"');
}

/// Makes a label name out of anything: other characters than `[a-zA-Z0-9_]` become `_`, a leading
/// digit gets one before it. `None` for names that mean something already, or nothing.
pub(super) fn label_name(name: &str) -> Option<String> {
    let is_allowed = |character: char| character.is_ascii_alphanumeric();
    let mut label: String =
        name.chars().map(|character| if is_allowed(character) { character } else { '_' }).collect();
    if label.starts_with(|first: char| first.is_ascii_digit()) {
        label.insert(0, '_');
    }
    let is_taken =
        matches!(&*label, "" | "model" | "model_name" | "version" | "reason" | "state" | "le");
    (!is_taken && !label.starts_with("__")).then_some(label)
}

#[cfg(test)]
mod tests;
