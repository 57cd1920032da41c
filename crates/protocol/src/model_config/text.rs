//! The text form, as in `config.pbtxt`.

use miette::Diagnostic;
use prost_reflect::{DynamicMessage, text_format::ParseError};

use super::{
    CONFIG_BYTES_MAX, CONFIG_DEPTH_MAX, ConfigError, ModelConfig,
    error::position,
    schema::{explain, model_config, to_typed},
};

/// Reads the protobuf text format.
///
/// # Errors
///
/// Names the line, the column and the field that is wrong. The document may have
/// [`CONFIG_BYTES_MAX`] bytes and nest [`CONFIG_DEPTH_MAX`] levels.
pub fn from_text(text: &str) -> Result<ModelConfig, ConfigError> {
    if text.len() > CONFIG_BYTES_MAX {
        return Err(ConfigError::TooLarge { bytes: text.len() });
    }
    check_depth(text)?;
    DynamicMessage::parse_text_format(model_config(), text)
        .map(|message| to_typed(&message))
        .map_err(|error| locate(text, &error))
}

fn locate(text: &str, error: &ParseError) -> ConfigError {
    let labels = error.labels();
    let offset = labels.into_iter().flatten().next().map_or(text.len(), |label| label.offset());
    let (line, column) = position(text, offset);
    ConfigError::Invalid { line, column, message: explain(&error.to_string()) }
}

/// The parser is recursive; this bounds its stack.
fn check_depth(text: &str) -> Result<(), ConfigError> {
    let mut depth = 0_usize;
    let mut bytes = text.bytes().enumerate();
    while let Some((offset, byte)) = bytes.next() {
        match byte {
            b'#' => drop(bytes.by_ref().find(|(_, byte)| *byte == b'\n')),
            b'"' | b'\'' => skip_string(&mut bytes, byte),
            b'{' | b'<' | b'[' => depth += 1,
            b'}' | b'>' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > CONFIG_DEPTH_MAX {
            let (line, column) = position(text, offset);
            return Err(ConfigError::TooDeep { line, column });
        }
    }
    Ok(())
}

fn skip_string(bytes: &mut impl Iterator<Item = (usize, u8)>, quote: u8) {
    while let Some((_, byte)) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            // A newline ends a string that was not closed; the parser will say so.
            b'\n' => return,
            _ if byte == quote => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
