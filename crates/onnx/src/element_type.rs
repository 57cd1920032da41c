use std::fmt;

/// Type of one element of a tensor: `TensorProto.DataType` of the ONNX specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each variant is its own name")]
pub enum ElementType {
    Float32,
    Uint8,
    Int8,
    Uint16,
    Int16,
    Int32,
    Int64,
    String,
    Bool,
    Float16,
    Float64,
    Uint32,
    Uint64,
    Complex64,
    Complex128,
    Bfloat16,
    Float8E4M3Fn,
    Float8E4M3Fnuz,
    Float8E5M2,
    Float8E5M2Fnuz,
    Uint4,
    Int4,
    Float4E2M1,
    Float8E8M0,
    Uint2,
    Int2,
    Float6E2M3,
    Float6E3M2,
    /// A number that the specification gave no meaning when this was written; 0 is "undefined".
    Other(i32),
}

/// Name and bits per element, by number minus one; strings have no fixed size.
const TABLE: [(ElementType, &str, Option<u8>); 28] = [
    (ElementType::Float32, "float32", Some(32)),
    (ElementType::Uint8, "uint8", Some(8)),
    (ElementType::Int8, "int8", Some(8)),
    (ElementType::Uint16, "uint16", Some(16)),
    (ElementType::Int16, "int16", Some(16)),
    (ElementType::Int32, "int32", Some(32)),
    (ElementType::Int64, "int64", Some(64)),
    (ElementType::String, "string", None),
    (ElementType::Bool, "bool", Some(8)),
    (ElementType::Float16, "float16", Some(16)),
    (ElementType::Float64, "float64", Some(64)),
    (ElementType::Uint32, "uint32", Some(32)),
    (ElementType::Uint64, "uint64", Some(64)),
    (ElementType::Complex64, "complex64", Some(64)),
    (ElementType::Complex128, "complex128", Some(128)),
    (ElementType::Bfloat16, "bfloat16", Some(16)),
    (ElementType::Float8E4M3Fn, "float8e4m3fn", Some(8)),
    (ElementType::Float8E4M3Fnuz, "float8e4m3fnuz", Some(8)),
    (ElementType::Float8E5M2, "float8e5m2", Some(8)),
    (ElementType::Float8E5M2Fnuz, "float8e5m2fnuz", Some(8)),
    (ElementType::Uint4, "uint4", Some(4)),
    (ElementType::Int4, "int4", Some(4)),
    (ElementType::Float4E2M1, "float4e2m1", Some(4)),
    (ElementType::Float8E8M0, "float8e8m0", Some(8)),
    (ElementType::Uint2, "uint2", Some(2)),
    (ElementType::Int2, "int2", Some(2)),
    (ElementType::Float6E2M3, "float6e2m3", Some(6)),
    (ElementType::Float6E3M2, "float6e3m2", Some(6)),
];

impl ElementType {
    /// The type that the specification numbers `code`.
    #[must_use]
    pub fn from_code(code: i32) -> Self {
        let index = usize::try_from(code.wrapping_sub(1)).unwrap_or(usize::MAX);
        TABLE.get(index).map_or(Self::Other(code), |(ty, ..)| *ty)
    }

    /// The specification's number.
    #[must_use]
    pub fn code(self) -> i32 {
        match self {
            Self::Other(code) => code,
            _ => (1..).zip(TABLE).find(|(_, row)| row.0 == self).map_or(0, |(code, _)| code),
        }
    }

    /// Size of one element; `None` for strings and unknown types. Several elements of less than
    /// a byte share one.
    #[must_use]
    pub fn bits(self) -> Option<u8> {
        TABLE.iter().find(|row| row.0 == self).and_then(|row| row.2)
    }
}

/// Writes the lower-case name, such as `float32`.
impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(0) => f.write_str("undefined"),
            Self::Other(code) => write!(f, "type {code}"),
            _ => {
                let name = TABLE.iter().find(|row| row.0 == *self).map_or("", |row| row.1);
                f.pad(name)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ElementType, TABLE};

    #[test]
    fn codes_are_positions_in_the_table() {
        for (code, row) in (1..).zip(TABLE) {
            assert_eq!(ElementType::from_code(code), row.0);
            assert_eq!(row.0.code(), code);
        }
        for code in [i32::MIN, -1, 0, 29, i32::MAX] {
            assert_eq!(ElementType::from_code(code), ElementType::Other(code));
            assert_eq!(ElementType::Other(code).code(), code);
        }
    }
}
