//! The text form, as in `config.pbtxt`.

mod lexer;
mod scalar;

use prost_reflect::{
    Cardinality, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage,
    Value,
};

use self::lexer::{Lexer, Token};
use super::{
    CONFIG_BYTES_MAX, ConfigError, ModelConfig,
    error::position,
    schema::{self, model_config, to_typed},
};

/// Reads the protobuf text format.
///
/// The format itself is read here rather than by a library because the ones at hand refuse what
/// configurations are full of: `input [ { ... } ]`, a list of messages without a colon.
///
/// # Errors
///
/// Names the line, the column and the field that is wrong. The document may have
/// [`CONFIG_BYTES_MAX`] bytes.
pub fn from_text(text: &str) -> Result<ModelConfig, ConfigError> {
    if text.len() > CONFIG_BYTES_MAX {
        return Err(ConfigError::TooLarge { bytes: text.len() });
    }
    let mut parser = Parser { lexer: Lexer::new(text), token: Token::End, offset: 0 };
    let mut config = DynamicMessage::new(model_config());
    match parser.advance().and_then(|()| parser.fields(&mut config, None)) {
        Ok(()) => Ok(to_typed(&config)),
        Err(Fault { offset, message }) => {
            let (line, column) = position(text, offset);
            Err(ConfigError::Invalid { line, column, message })
        }
    }
}

/// What is wrong at which byte.
struct Fault {
    offset: usize,
    message: String,
}

/// Recursive, but along the schema, which is finite: an unknown field is refused before its value.
struct Parser<'a> {
    lexer: Lexer<'a>,
    /// The next token and where it starts.
    token: Token<'a>,
    offset: usize,
}

impl Parser<'_> {
    fn advance(&mut self) -> Result<(), Fault> {
        (self.offset, self.token) = self.lexer.next()?;
        Ok(())
    }

    fn take(&mut self, punctuation: u8) -> Result<bool, Fault> {
        let found = self.token == Token::Punctuation(punctuation);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn fault(&self, message: impl Into<String>) -> Fault {
        Fault { offset: self.offset, message: message.into() }
    }

    fn expected(&self, what: &str) -> Fault {
        self.fault(format!("expected {what}, found {}", self.token))
    }

    /// Fields up to and with `end`; without one, up to the document's end.
    fn fields(&mut self, message: &mut DynamicMessage, end: Option<u8>) -> Result<(), Fault> {
        loop {
            match (&self.token, end) {
                (Token::Name(_), _) => self.field(message)?,
                (Token::End, None) => return Ok(()),
                (Token::Punctuation(found), Some(end)) if *found == end => return self.advance(),
                (_, None) => return Err(self.expected("a field name")),
                (_, Some(end)) => {
                    return Err(self.expected(&format!("a field name or `{}`", char::from(end))));
                }
            }
        }
    }

    fn field(&mut self, message: &mut DynamicMessage) -> Result<(), Fault> {
        let Token::Name(name) = self.token else { return Err(self.expected("a field name")) };
        let descriptor = message.descriptor();
        let field = descriptor
            .get_field_by_name(name)
            .ok_or_else(|| self.fault(schema::unknown_field(name, &descriptor)))?;
        self.refuse_second(message, &field)?;
        self.advance()?;
        let is_message = matches!(field.kind(), Kind::Message(_));
        if !self.take(b':')? && !is_message {
            return Err(self.expected(&format!("`:` after `{}`", field.name())));
        }
        if is_many(&field) && self.take(b'[')? {
            self.list(message, &field)?;
        } else {
            self.value_into(message, &field)?;
        }
        // One separator is allowed and means nothing.
        let _ = self.take(b',')? || self.take(b';')?;
        Ok(())
    }

    /// A field or a choice that is set already, unless it may be set many times.
    fn refuse_second(
        &self,
        message: &DynamicMessage,
        field: &FieldDescriptor,
    ) -> Result<(), Fault> {
        if is_many(field) {
            return Ok(());
        }
        if message.has_field(field) {
            return Err(self.fault(format!("`{}` is set twice", field.name())));
        }
        let Some(choice) = field.containing_oneof() else { return Ok(()) };
        match choice.fields().find(|other| message.has_field(other)) {
            Some(other) => {
                let (name, other) = (field.name(), other.name());
                Err(self.fault(format!("`{name}` and `{other}` exclude each other")))
            }
            None => Ok(()),
        }
    }

    fn list(&mut self, message: &mut DynamicMessage, field: &FieldDescriptor) -> Result<(), Fault> {
        if self.take(b']')? {
            return Ok(());
        }
        loop {
            self.value_into(message, field)?;
            if self.take(b']')? {
                return Ok(());
            }
            if !self.take(b',')? {
                return Err(self.expected("`,` or `]`"));
            }
        }
    }

    /// One value: set, appended or put into the map, whatever the field is.
    fn value_into(
        &mut self,
        message: &mut DynamicMessage,
        field: &FieldDescriptor,
    ) -> Result<(), Fault> {
        let value = match field.kind() {
            Kind::Message(descriptor) => Value::Message(self.message(&descriptor)?),
            _ => self.scalar(field)?,
        };
        if field.is_map() {
            let Value::Message(entry) = value else { unreachable!("a map's values are entries") };
            let (key, value) = map_entry(&entry);
            message.get_field_mut(field).as_map_mut().expect("it is a map").insert(key, value);
        } else if field.is_list() {
            message.get_field_mut(field).as_list_mut().expect("it is a list").push(value);
        } else {
            message.set_field(field, value);
        }
        Ok(())
    }

    fn message(&mut self, descriptor: &MessageDescriptor) -> Result<DynamicMessage, Fault> {
        let end = match self.token {
            Token::Punctuation(b'{') => b'}',
            Token::Punctuation(b'<') => b'>',
            _ => return Err(self.expected("`{`")),
        };
        self.advance()?;
        let mut message = DynamicMessage::new(descriptor.clone());
        self.fields(&mut message, Some(end))?;
        Ok(message)
    }
}

fn is_many(field: &FieldDescriptor) -> bool {
    field.cardinality() == Cardinality::Repeated
}

fn map_entry(entry: &DynamicMessage) -> (MapKey, Value) {
    let descriptor = entry.descriptor();
    let key = entry.get_field(&descriptor.map_entry_key_field()).into_owned();
    let value = entry.get_field(&descriptor.map_entry_value_field()).into_owned();
    (key.into_map_key().expect("the schema allows no other keys"), value)
}

#[cfg(test)]
mod tests;
