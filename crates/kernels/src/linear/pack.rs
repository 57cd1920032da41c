//! From the bytes of a file to panels.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{
    ActivationKind, FloatWeights, PackError, Packed, Precision, Segment, Weights,
    kernel::Kernel,
    panels::{Int4MinRecord, Int4Record, Int8Record, PANEL, Panels, Record},
    storage::Storage,
};
use crate::{BLOCK, Stored, StoredFormat, Threads, threads::RowPortions};

/// How a part is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    Int4,
    Int4Min,
    Int8,
    Float(StoredFormat),
}

pub(super) fn pack(
    parts: &[Stored<'_>],
    precision: Precision,
    threads: &Threads,
) -> Result<Weights, PackError> {
    let columns = equal_columns(parts)?;
    let mut kept: Vec<Kept> = parts.iter().map(|part| Kept::of(part.format(), precision)).collect();
    if kept.iter().any(|other| other.kind() != kept[0].kind()) {
        // One kind of activations serves all rows; floats hold whatever integers do.
        kept.fill(Kept::Float(StoredFormat::F32));
    }
    let mut kind = kept[0].kind();
    if kept.contains(&Kept::Int8) && Kernel::best().wants_wide() {
        kind = ActivationKind::WideInt8;
    }
    if kind != ActivationKind::Float && !columns.is_multiple_of(BLOCK) {
        return Err(PackError::BrokenBlock { columns });
    }
    let mut segments: Vec<Segment> = Vec::new();
    let (mut rows, mut first) = (0, 0);
    for run in kept.chunk_by(|one, next| one == next) {
        let alike = &parts[first..first + run.len()];
        let packed = pack_alike(alike, run[0], threads)
            .map_err(|row| PackError::NotFinite { row: rows + row })?;
        let row = rows;
        rows += packed.rows();
        first += run.len();
        segments.push(Segment { row, packed });
    }
    Ok(Weights { rows, columns, kind, segments })
}

fn equal_columns(parts: &[Stored<'_>]) -> Result<usize, PackError> {
    let first = parts.first().ok_or(PackError::NoParts)?.columns();
    match parts.iter().map(Stored::columns).find(|columns| *columns != first) {
        Some(other) => Err(PackError::UnequalColumns { first, other }),
        None => Ok(first),
    }
}

impl Kept {
    fn of(format: StoredFormat, precision: Precision) -> Self {
        match precision {
            Precision::Stored => Self::as_stored(format),
            Precision::Int4 if format.is_int4() => Self::as_stored(format),
            Precision::Int4 => Self::Int4,
            Precision::Int8 => Self::Int8,
            Precision::F16 => Self::Float(StoredFormat::F16),
            Precision::Bf16 => Self::Float(StoredFormat::Bf16),
            Precision::F32 => Self::Float(StoredFormat::F32),
        }
    }

    fn as_stored(format: StoredFormat) -> Self {
        match format {
            StoredFormat::Q4_0 => Self::Int4,
            StoredFormat::Q4_1 | StoredFormat::Q4K => Self::Int4Min,
            StoredFormat::Q5_0
            | StoredFormat::Q5_1
            | StoredFormat::Q8_0
            | StoredFormat::Q5K
            | StoredFormat::Q6K => Self::Int8,
            StoredFormat::F32 | StoredFormat::F16 | StoredFormat::Bf16 => Self::Float(format),
        }
    }

    fn kind(self) -> ActivationKind {
        match self {
            Self::Int4 | Self::Int4Min | Self::Int8 => ActivationKind::Int8,
            Self::Float(_) => ActivationKind::Float,
        }
    }
}

/// Packs parts that are kept alike; of what is not finite, the row.
fn pack_alike(parts: &[Stored<'_>], kept: Kept, threads: &Threads) -> Result<Packed, usize> {
    let rows = parts.iter().map(Stored::rows).sum();
    let blocks = parts[0].columns() / BLOCK;
    let panels = match kept {
        Kept::Int4 => Panels::of_int4(rows, blocks, records::<Int4Record>(parts, rows, threads)?),
        Kept::Int4Min => {
            Panels::of_int4_min(rows, blocks, records::<Int4MinRecord>(parts, rows, threads)?)
        }
        Kept::Int8 => Panels::of_int8(rows, blocks, records::<Int8Record>(parts, rows, threads)?),
        Kept::Float(format) => {
            return FloatWeights::pack(parts, format, threads).map(Packed::Floats);
        }
    };
    Ok(Packed::Integers(panels))
}

/// The panels of `parts`, one below the other.
fn records<R: Record>(
    parts: &[Stored<'_>],
    rows: usize,
    threads: &Threads,
) -> Result<Storage<R>, usize> {
    let blocks = parts[0].columns() / BLOCK;
    let mut records = Storage::zeroed(rows.div_ceil(PANEL) * blocks);
    if records.is_empty() {
        return Ok(records);
    }
    let panels = RowPortions::new(&mut records, blocks, 1);
    let faulty = AtomicUsize::new(usize::MAX);
    threads.run(&|_| {
        let mut floats = vec![0.0; blocks * BLOCK];
        let mut row_blocks = vec![R::ZERO; blocks];
        while let Some((panel, records)) = panels.next() {
            for row in panel * PANEL..rows.min((panel + 1) * PANEL) {
                let (part, part_row) = place(parts, row);
                R::read(part, part_row, &mut floats, &mut row_blocks);
                let mut pairs = records.iter_mut().zip(&row_blocks);
                if !pairs.all(|(record, block)| record.put(row % PANEL, block)) {
                    faulty.fetch_min(row, Ordering::Relaxed);
                }
            }
        }
    });
    match faulty.into_inner() {
        usize::MAX => Ok(records),
        row => Err(row),
    }
}

/// The part that row `row` of all is in, and its number there.
pub(super) fn place<'a, 'b>(parts: &'a [Stored<'b>], mut row: usize) -> (&'a Stored<'b>, usize) {
    for part in parts {
        if row < part.rows() {
            return (part, row);
        }
        row -= part.rows();
    }
    unreachable!("rows are counted over all parts")
}

#[cfg(test)]
pub(super) mod tests;
