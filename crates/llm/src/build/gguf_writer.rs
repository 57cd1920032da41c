//! GGUF files, written.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use kernels::StoredFormat;

const ALIGNMENT: usize = 32;

/// Makes the bytes of a tensor when they are written, so that not all have to be in memory.
pub type Content = Box<dyn FnOnce() -> Vec<u8>>;

/// A file in the making. Names and sizes are not checked; whoever reads the file does.
#[derive(Default)]
pub struct GgufWriter {
    metadata: Vec<u8>,
    values: u64,
    tensors: Vec<Tensor>,
}

struct Tensor {
    name: String,
    rows: usize,
    columns: usize,
    format: StoredFormat,
    content: Content,
}

impl std::fmt::Debug for GgufWriter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tensors = self.tensors.len();
        formatter.debug_struct("GgufWriter").field("tensors", &tensors).finish_non_exhaustive()
    }
}

impl GgufWriter {
    /// A file for a model of `architecture`.
    #[must_use]
    pub fn new(architecture: &str) -> Self {
        let mut writer = Self::default();
        writer.text("general.architecture", architecture);
        writer
    }

    /// Adds an integer.
    pub fn unsigned(&mut self, key: &str, value: u32) {
        self.value(key, 4, &value.to_le_bytes());
    }

    /// Adds a float.
    pub fn float(&mut self, key: &str, value: f32) {
        self.value(key, 6, &value.to_le_bytes());
    }

    /// Adds a boolean.
    pub fn boolean(&mut self, key: &str, value: bool) {
        self.value(key, 7, &[value.into()]);
    }

    /// Adds a text.
    pub fn text(&mut self, key: &str, value: &str) {
        self.value(key, 8, &text_bytes(value));
    }

    /// Adds an array of texts.
    pub fn texts<'a>(&mut self, key: &str, values: impl IntoIterator<Item = &'a str>) {
        self.array(key, 8, values.into_iter().map(text_bytes));
    }

    /// Adds an array of integers.
    pub fn integers(&mut self, key: &str, values: impl IntoIterator<Item = i32>) {
        self.array(key, 5, values.into_iter().map(i32::to_le_bytes));
    }

    /// Adds an array of floats.
    pub fn floats(&mut self, key: &str, values: impl IntoIterator<Item = f32>) {
        self.array(key, 6, values.into_iter().map(f32::to_le_bytes));
    }

    fn array(&mut self, key: &str, kind: u32, values: impl Iterator<Item = impl AsRef<[u8]>>) {
        let (mut bytes, mut count) = (Vec::new(), 0u64);
        for value in values {
            bytes.extend_from_slice(value.as_ref());
            count += 1;
        }
        let head = [&kind.to_le_bytes()[..], &count.to_le_bytes()].concat();
        self.value(key, 9, &[head, bytes].concat());
    }

    fn value(&mut self, key: &str, kind: u32, bytes: &[u8]) {
        self.metadata.extend(text_bytes(key));
        self.metadata.extend(kind.to_le_bytes());
        self.metadata.extend(bytes);
        self.values += 1;
    }

    /// Adds a tensor `[rows, columns]`; one with a single row is a vector.
    pub fn tensor(
        &mut self,
        name: &str,
        (rows, columns): (usize, usize),
        format: StoredFormat,
        content: Content,
    ) {
        self.tensors.push(Tensor { name: name.to_owned(), rows, columns, format, content });
    }

    /// Writes everything to a new file at `path`.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or a content has another length than its tensor's shape.
    pub fn write(self, path: &Path) -> io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        let head = self.head();
        file.write_all(&head)?;
        file.write_all(&padding(head.len()))?;
        for tensor in self.tensors {
            let (expected, bytes) = (tensor.byte_length(), (tensor.content)());
            if bytes.len() != expected {
                let problem = format!("{} has {} bytes, not {expected}", tensor.name, bytes.len());
                return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
            }
            file.write_all(&bytes)?;
            file.write_all(&padding(bytes.len()))?;
        }
        file.flush()
    }

    fn head(&self) -> Vec<u8> {
        let mut head = b"GGUF".to_vec();
        head.extend(3u32.to_le_bytes());
        head.extend((self.tensors.len() as u64).to_le_bytes());
        head.extend(self.values.to_le_bytes());
        head.extend(&self.metadata);
        let mut offset = 0;
        for tensor in &self.tensors {
            head.extend(tensor.description(offset as u64));
            offset += tensor.byte_length().next_multiple_of(ALIGNMENT);
        }
        head
    }
}

impl Tensor {
    fn byte_length(&self) -> usize {
        self.rows * self.columns / self.format.block_values() * self.format.block_bytes()
    }

    fn description(&self, offset: u64) -> Vec<u8> {
        let mut bytes = text_bytes(&self.name);
        let (rows, columns) = (self.rows as u64, self.columns as u64);
        let (dimensions, sizes) =
            if rows == 1 { (1u32, vec![columns]) } else { (2, vec![columns, rows]) };
        bytes.extend(dimensions.to_le_bytes());
        bytes.extend(sizes.into_iter().flat_map(u64::to_le_bytes));
        bytes.extend(type_number(self.format).to_le_bytes());
        bytes.extend(offset.to_le_bytes());
        bytes
    }
}

fn padding(length: usize) -> Vec<u8> {
    vec![0; length.next_multiple_of(ALIGNMENT) - length]
}

fn text_bytes(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

fn type_number(format: StoredFormat) -> u32 {
    match format {
        StoredFormat::F32 => 0,
        StoredFormat::F16 => 1,
        StoredFormat::Q4_0 => 2,
        StoredFormat::Q4_1 => 3,
        StoredFormat::Q5_0 => 6,
        StoredFormat::Q5_1 => 7,
        StoredFormat::Q8_0 => 8,
        StoredFormat::Q4K => 12,
        StoredFormat::Q5K => 13,
        StoredFormat::Q6K => 14,
        StoredFormat::Bf16 => 30,
    }
}
