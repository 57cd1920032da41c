/// A protobuf message in the making.
#[derive(Clone, Debug, Default)]
pub struct Message(Vec<u8>);

/// A value that is a number; a value that has a length.
const VARINT: u64 = 0;
const BYTES: u64 = 2;

impl Message {
    /// An empty message.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field that is an unsigned number.
    #[must_use]
    pub fn varint(mut self, field: u64, value: u64) -> Self {
        self.push(field << 3 | VARINT);
        self.push(value);
        self
    }

    /// Adds a field that is a signed number, as `int64` and `int32` are written.
    #[must_use]
    pub fn int(self, field: u64, value: i64) -> Self {
        self.varint(field, value.cast_unsigned())
    }

    /// Adds a field of text.
    #[must_use]
    pub fn string(self, field: u64, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    /// Adds a field that is a message.
    #[must_use]
    pub fn message(self, field: u64, value: &Self) -> Self {
        self.bytes(field, &value.0)
    }

    /// Adds a field of bytes.
    #[must_use]
    pub fn bytes(mut self, field: u64, value: &[u8]) -> Self {
        self.push(field << 3 | BYTES);
        self.push(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    /// The encoded message.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn push(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.0.push(value.to_le_bytes()[0]);
    }
}
