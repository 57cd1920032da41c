use std::{collections::BTreeMap, fmt};

use crate::{ElementType, Model, ValueInfo};

/// A model at a glance: inputs, outputs, operators, weights. Its `Display` is a page of text.
#[derive(Clone, Copy, Debug)]
pub struct Summary<'a>(&'a Model);

/// Weights of one element type.
#[derive(Default)]
struct Weights {
    tensors: u64,
    elements: u64,
    bytes: u64,
}

impl<'a> Summary<'a> {
    /// Summarises a model.
    #[must_use]
    pub fn new(model: &'a Model) -> Self {
        Self(model)
    }

    fn header(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let model = self.0;
        write!(f, "ONNX, {} in the file", Size(model.file_bytes))?;
        if !model.producer_name.is_empty() {
            write!(f, ", by {}", model.producer_name)?;
        }
        if !model.producer_version.is_empty() {
            write!(f, " {}", model.producer_version)?;
        }
        write!(f, "\nformat version {}, operator sets:", model.ir_version)?;
        for import in &model.opset_imports {
            let domain = if import.domain.is_empty() { "ai.onnx" } else { &import.domain };
            write!(f, " {domain} {}", import.version)?;
        }
        writeln!(f)
    }

    fn operators(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut operators: Vec<_> = self.0.operators.iter().collect();
        operators.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let nodes: u64 = self.0.operators.values().sum();
        writeln!(f, "\noperators: {nodes} nodes of {} kinds", operators.len())?;
        for (operator, count) in operators {
            writeln!(f, "  {count:>6}  {operator}")?;
        }
        Ok(())
    }

    fn weights(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut by_type = BTreeMap::<ElementType, Weights>::new();
        for tensor in &self.0.graph.initializers {
            let weights = by_type.entry(tensor.element).or_default();
            weights.tensors += 1;
            weights.elements = weights.elements.saturating_add(tensor.elements().unwrap_or(0));
            weights.bytes = weights.bytes.saturating_add(tensor.data_bytes().unwrap_or(0));
        }
        let sum =
            |part: fn(&Weights) -> u64| by_type.values().map(part).fold(0, u64::saturating_add);
        let (elements, bytes) = (sum(|weights| weights.elements), sum(|weights| weights.bytes));
        writeln!(f, "\nparameters: {}, {}", Count(elements), Size(bytes))?;
        for (element, Weights { tensors, elements, bytes }) in &by_type {
            let (count, size) = (Count(*elements), Size(*bytes));
            let plural = if *tensors == 1 { "" } else { "s" };
            writeln!(f, "  {element:<14} {count:>10} in {tensors} tensor{plural}, {size}")?;
        }
        for file in self.0.external_files() {
            writeln!(f, "  kept in {file}")?;
        }
        Ok(())
    }

    fn metadata(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN_CHARS: usize = 100;
        if self.0.metadata.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nmetadata")?;
        for (key, value) in &self.0.metadata {
            let mut chars = value.chars();
            let shown: String = chars.by_ref().take(SHOWN_CHARS).collect();
            let more = if chars.next().is_some() { " ..." } else { "" };
            writeln!(f, "  {key}: {}{more}", shown.escape_debug())?;
        }
        Ok(())
    }
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let graph = &self.0.graph;
        self.header(f)?;
        values(f, "inputs", &graph.inputs)?;
        if !graph.defaulted_inputs.is_empty() {
            values(f, "inputs with a default", &graph.defaulted_inputs)?;
        }
        values(f, "outputs", &graph.outputs)?;
        self.operators(f)?;
        self.weights(f)?;
        self.metadata(f)
    }
}

fn values(f: &mut fmt::Formatter<'_>, title: &str, values: &[ValueInfo]) -> fmt::Result {
    writeln!(f, "\n{title}")?;
    let width = values.iter().map(|value| value.name.chars().count()).max().unwrap_or(0).min(40);
    for value in values {
        writeln!(f, "  {:<width$}  {}", value.name, value.value_type)?;
    }
    Ok(())
}

/// Writes a number of bytes in the largest unit that leaves at least one of it.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        scaled(f, self.0, &[" B", " KB", " MB", " GB", " TB"])
    }
}

/// Writes a count likewise.
struct Count(u64);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        scaled(f, self.0, &["", " K", " M", " G", " T"])
    }
}

fn scaled(f: &mut fmt::Formatter<'_>, value: u64, units: &[&str]) -> fmt::Result {
    let (mut tenths, mut unit) = (u128::from(value) * 10, 0);
    while tenths >= 10_000 && unit + 1 < units.len() {
        tenths = (tenths + 500) / 1000;
        unit += 1;
    }
    let text = if unit == 0 {
        format!("{value}{}", units[0])
    } else {
        format!("{}.{}{}", tenths / 10, tenths % 10, units[unit])
    };
    f.pad(&text)
}

#[cfg(test)]
mod tests;
