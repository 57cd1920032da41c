//! Text that cannot become markup.

use std::fmt::Write;

/// Text for between tags and inside of quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    // A unit stays on the line of its number.
    escaped.replace(" %", "\u{a0}%").replace(" ms", "\u{a0}ms")
}

/// Sentences: escaped, and what stands between backticks as code.
pub(super) fn sentences(text: &str) -> String {
    let parts = text.split('`').enumerate();
    let part = |(number, part): (usize, &str)| match number % 2 {
        0 => escape(part),
        _ => element("code", "", &escape(part)),
    };
    parts.map(part).collect()
}

/// An element around markup.
pub(super) fn element(name: &str, class: &str, inner: &str) -> String {
    if class.is_empty() {
        format!("<{name}>{inner}</{name}>")
    } else {
        format!("<{name} class=\"{class}\">{inner}</{name}>")
    }
}

/// A section: heading, explanation, content. Nothing if there is no content.
pub(super) fn section(title: &str, note: &str, content: &str) -> String {
    if content.is_empty() {
        return String::new();
    }
    let note = if note.is_empty() { String::new() } else { element("p", "note", &sentences(note)) };
    element("section", "", &format!("{}{note}{content}\n", element("h2", "", &escape(title))))
}

/// Names with the colours of their series: class and style of each, and its text.
pub(super) fn legend<'a>(entries: impl IntoIterator<Item = (&'a Colour, &'a str)>) -> String {
    let mut items = String::new();
    for (colour, name) in entries {
        let _ = write!(items, "<li><i {}></i>{}</li>", colour.attributes(""), escape(name));
    }
    element("ul", "legend", &items)
}

/// The colour of a series, as the style sheet knows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Colour {
    /// A class that sets it.
    Class(&'static str),
    /// A place between the low and the high end of an order, 0 to 1.
    Ramp(f64),
}

impl Colour {
    /// Attributes of an element that also has `class`.
    pub(super) fn attributes(&self, class: &str) -> String {
        match self {
            Self::Class(own) => format!("class=\"{class} {own}\""),
            Self::Ramp(at) => {
                format!("class=\"{class} ramp\" style=\"--at:{:.0}%\"", at * 100.0)
            }
        }
    }
}
