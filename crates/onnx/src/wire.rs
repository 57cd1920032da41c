//! The protobuf wire format, read through a small window so that large fields can be skipped
//! without reading them. Every length is checked against the message around it.

use std::io::{ErrorKind, Read, Seek, SeekFrom};

use crate::ReadError;

/// Messages may contain each other this deep: protobuf's own limit.
const DEPTH_MAX: u32 = 100;
/// Bytes that one read brings.
const WINDOW_BYTES: usize = 8 << 10;
/// A varint of 64 bits.
const VARINT_BYTES_MAX: usize = 10;

/// A source of bytes and a window on it.
#[derive(Debug)]
pub(crate) struct Wire<R> {
    source: R,
    len: u64,
    window: Box<[u8]>,
    window_start: u64,
    window_len: usize,
}

/// What is left of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message {
    at: u64,
    end: u64,
    depth: u32,
}

/// One field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) number: u64,
    /// Where it starts.
    pub(crate) offset: u64,
    value: Value,
    depth: u32,
}

#[derive(Clone, Copy, Debug)]
enum Value {
    Varint(u64),
    Fixed,
    Bytes { at: u64, end: u64 },
}

impl Message {
    /// Bytes from here to its end.
    pub(crate) fn len(&self) -> u64 {
        self.end - self.at
    }
}

impl Field {
    fn wrong(&self, what: &'static str) -> ReadError {
        ReadError::Malformed { offset: self.offset, what }
    }

    /// The value as a number; signed ones are two's complement.
    pub(crate) fn varint(&self) -> Result<u64, ReadError> {
        match self.value {
            Value::Varint(value) => Ok(value),
            _ => Err(self.wrong("a field that is no number where a number belongs")),
        }
    }

    /// The value as an `i32` or an enumeration; larger numbers lose their upper half, as they do
    /// in every protobuf reader.
    #[expect(clippy::cast_possible_truncation, reason = "what the wire format prescribes")]
    pub(crate) fn int32(&self) -> Result<i32, ReadError> {
        Ok(self.varint()?.cast_signed() as i32)
    }

    /// Whether the value is a run of packed numbers rather than one number.
    pub(crate) fn is_packed(&self) -> bool {
        matches!(self.value, Value::Bytes { .. })
    }

    /// The value as a message.
    pub(crate) fn message(&self) -> Result<Message, ReadError> {
        let Value::Bytes { at, end } = self.value else {
            return Err(self.wrong("a field that is no message where a message belongs"));
        };
        if self.depth == DEPTH_MAX {
            let limit = u64::from(DEPTH_MAX);
            return Err(ReadError::Limit { offset: self.offset, what: "deeper nesting", limit });
        }
        Ok(Message { at, end, depth: self.depth + 1 })
    }

    /// Length of a field of bytes, which is not read.
    pub(crate) fn byte_len(&self) -> Result<u64, ReadError> {
        match self.value {
            Value::Bytes { at, end } => Ok(end - at),
            _ => Err(self.wrong("a number where bytes belong")),
        }
    }
}

impl<R: Read + Seek> Wire<R> {
    /// Starts at the source's beginning.
    pub(crate) fn new(mut source: R) -> Result<Self, ReadError> {
        let len =
            source.seek(SeekFrom::End(0)).map_err(|source| ReadError::Io { offset: 0, source })?;
        let window = vec![0; WINDOW_BYTES].into_boxed_slice();
        Ok(Self { source, len, window, window_start: 0, window_len: 0 })
    }

    /// The whole source as one message.
    pub(crate) fn root(&self) -> Message {
        Message { at: 0, end: self.len, depth: 0 }
    }

    /// Whether the source begins with `prefix`, which is shorter than a window.
    pub(crate) fn starts_with(&mut self, prefix: &[u8]) -> Result<bool, ReadError> {
        Ok(self.len > 0 && self.fill(0)?.starts_with(prefix))
    }

    /// The message's next field; `None` at its end.
    pub(crate) fn next(&mut self, message: &mut Message) -> Result<Option<Field>, ReadError> {
        if message.at == message.end {
            return Ok(None);
        }
        let offset = message.at;
        let key = self.varint(message)?;
        let number = key >> 3;
        if number == 0 || number > u64::from(u32::MAX >> 3) {
            return Err(ReadError::Malformed { offset, what: "an impossible field number" });
        }
        let value = match key & 7 {
            0 => Value::Varint(self.varint(message)?),
            1 => Self::fixed(message, 8)?,
            2 => {
                let len = self.varint(message)?;
                let at = message.at;
                advance(message, len, "a field")?;
                Value::Bytes { at, end: message.at }
            }
            5 => Self::fixed(message, 4)?,
            _ => return Err(ReadError::Malformed { offset, what: "an impossible kind of field" }),
        };
        Ok(Some(Field { number, offset, value, depth: message.depth }))
    }

    /// The next number of a run of packed numbers; `None` at its end.
    pub(crate) fn next_packed(&mut self, run: &mut Message) -> Result<Option<u64>, ReadError> {
        if run.at == run.end { Ok(None) } else { self.varint(run).map(Some) }
    }

    /// The first `max` bytes of a field of bytes.
    pub(crate) fn bytes(&mut self, field: &Field, max: usize) -> Result<Vec<u8>, ReadError> {
        let Value::Bytes { mut at, end } = field.value else {
            return Err(field.wrong("a number where bytes belong"));
        };
        let wanted = usize::try_from(end - at).unwrap_or(usize::MAX).min(max);
        // Grows with what is really there: the length was checked, but against the file's size.
        let mut bytes = Vec::new();
        while bytes.len() < wanted {
            let part = self.fill(at)?;
            let take = part.len().min(wanted - bytes.len());
            bytes.extend_from_slice(&part[..take]);
            at += take as u64;
        }
        Ok(bytes)
    }

    fn fixed(message: &mut Message, len: u64) -> Result<Value, ReadError> {
        advance(message, len, "a number")?;
        Ok(Value::Fixed)
    }

    fn varint(&mut self, message: &mut Message) -> Result<u64, ReadError> {
        let offset = message.at;
        let mut value = 0;
        for index in 0..VARINT_BYTES_MAX {
            if message.at == message.end {
                let (needed, left) = (index as u64 + 1, index as u64);
                return Err(ReadError::Truncated { offset, what: "a number", needed, left });
            }
            let byte = self.fill(message.at)?[0];
            message.at += 1;
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(ReadError::Malformed { offset, what: "a number of more than 64 bits" })
    }

    /// The buffered bytes from `at` on; at least one. `at` is inside of the source.
    fn fill(&mut self, at: u64) -> Result<&[u8], ReadError> {
        let buffered =
            at.checked_sub(self.window_start).and_then(|skip| usize::try_from(skip).ok());
        let skip = match buffered {
            Some(skip) if skip < self.window_len => skip,
            _ => {
                self.refill(at).map_err(|source| ReadError::Io { offset: at, source })?;
                0
            }
        };
        Ok(&self.window[skip..self.window_len])
    }

    fn refill(&mut self, at: u64) -> std::io::Result<()> {
        self.window_len = 0;
        self.source.seek(SeekFrom::Start(at))?;
        self.window_start = at;
        loop {
            match self.source.read(&mut self.window) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => self.window_len = read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            return Ok(());
        }
    }
}

fn advance(message: &mut Message, needed: u64, what: &'static str) -> Result<(), ReadError> {
    let left = message.len();
    if needed > left {
        return Err(ReadError::Truncated { offset: message.at, what, needed, left });
    }
    message.at += needed;
    Ok(())
}
