//! How a tensor's values are written.

use kernels::StoredFormat;

/// A number of ggml's list of types, with its name where it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ElementType(u32);

/// Name, values of a block, bytes of a block; by number. Types that were taken back are not there.
const TYPES: &[(u32, &str, u64, u64)] = &[
    (0, "F32", 1, 4),
    (1, "F16", 1, 2),
    (2, "Q4_0", 32, 18),
    (3, "Q4_1", 32, 20),
    (6, "Q5_0", 32, 22),
    (7, "Q5_1", 32, 24),
    (8, "Q8_0", 32, 34),
    (9, "Q8_1", 32, 36),
    (10, "Q2_K", 256, 84),
    (11, "Q3_K", 256, 110),
    (12, "Q4_K", 256, 144),
    (13, "Q5_K", 256, 176),
    (14, "Q6_K", 256, 210),
    (15, "Q8_K", 256, 292),
    (16, "IQ2_XXS", 256, 66),
    (17, "IQ2_XS", 256, 74),
    (18, "IQ3_XXS", 256, 98),
    (19, "IQ1_S", 256, 50),
    (20, "IQ4_NL", 32, 18),
    (21, "IQ3_S", 256, 110),
    (22, "IQ2_S", 256, 82),
    (23, "IQ4_XS", 256, 136),
    (24, "I8", 1, 1),
    (25, "I16", 1, 2),
    (26, "I32", 1, 4),
    (27, "I64", 1, 8),
    (28, "F64", 1, 8),
    (29, "IQ1_M", 256, 56),
    (30, "BF16", 1, 2),
    (34, "TQ1_0", 256, 54),
    (35, "TQ2_0", 256, 66),
    (39, "MXFP4", 32, 17),
];

impl ElementType {
    /// Takes a number of the file, if it is one that tells how long a tensor is.
    pub(super) fn from_number(number: u32) -> Option<Self> {
        TYPES.iter().any(|known| known.0 == number).then_some(Self(number))
    }

    fn row(self) -> &'static (u32, &'static str, u64, u64) {
        TYPES.iter().find(|known| known.0 == self.0).expect("only known numbers are let in")
    }

    /// ggml's name.
    pub(crate) fn name(self) -> &'static str {
        self.row().1
    }

    /// Values that are written together.
    pub(super) fn block_values(self) -> u64 {
        self.row().2
    }

    /// Bytes that these values take.
    pub(super) fn block_bytes(self) -> u64 {
        self.row().3
    }

    /// What it is to the kernels, if they can read it.
    pub(crate) fn stored(self) -> Option<StoredFormat> {
        Some(match self.0 {
            0 => StoredFormat::F32,
            1 => StoredFormat::F16,
            2 => StoredFormat::Q4_0,
            3 => StoredFormat::Q4_1,
            6 => StoredFormat::Q5_0,
            7 => StoredFormat::Q5_1,
            8 => StoredFormat::Q8_0,
            12 => StoredFormat::Q4K,
            13 => StoredFormat::Q5K,
            14 => StoredFormat::Q6K,
            30 => StoredFormat::Bf16,
            _ => return None,
        })
    }
}
