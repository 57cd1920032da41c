//! What templates find around them: the names of Hugging Face's environment.

use minijinja::{AutoEscape, Environment, Error, ErrorKind, syntax::SyntaxConfig};
use minijinja_contrib::pycompat;

use super::{error::Raised, json};

pub(super) fn new() -> Environment<'static> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("the usual delimiters are valid"));
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_unknown_method_callback(pycompat::unknown_method_callback);
    environment.add_filter("tojson", json::to_json);
    environment.add_function("raise_exception", raise_exception);
    environment
}

fn raise_exception(message: String) -> Result<String, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, message.clone()).with_source(Raised(message)))
}

/// Writes `{% generation %}` blocks, which mark what was generated and change nothing, as plain ones.
pub(super) fn plain_tags(source: &str) -> String {
    let mut plain = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{%") {
        let Some(length) = rest[start..].find("%}") else { break };
        let (before, tag) = (&rest[..start], &rest[start..start + length + 2]);
        plain.push_str(before);
        plain.push_str(&plain_tag(tag));
        rest = &rest[start + length + 2..];
    }
    plain.push_str(rest);
    plain
}

fn plain_tag(tag: &str) -> String {
    let name = tag[2..tag.len() - 2].trim_matches(['-', '+', ' ', '\t', '\r', '\n']);
    match name {
        "generation" => tag.replace("generation", "if true"),
        "endgeneration" => tag.replace("endgeneration", "endif"),
        _ => tag.to_owned(),
    }
}
