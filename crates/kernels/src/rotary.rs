//! Rotary position embedding (Su et al., 2021).

mod rotate;

use crate::{Threads, heads::HeadRows, simd};

use rotate::{Adjacent, Halves};

/// Which values of a head turn together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RotaryStyle {
    /// Neighbours, `2i` and `2i + 1`: GGUF files of Llama's family ("NORM").
    Adjacent,
    /// `i` and `i + dimension / 2`: everything else ("NEOX").
    Halves,
}

/// Turns heads by the positions of a step's tokens. The sines of a step are computed once, for all
/// layers, in 64 bits: so no position is beyond the table, and it is as small as a step.
#[derive(Debug)]
pub struct Rotary {
    style: RotaryStyle,
    /// Radians for each position, of each pair.
    frequencies: Vec<f64>,
    /// For each token: what its values are multiplied with, then what those are that turn with them.
    turns: Vec<f32>,
    tokens: usize,
}

impl Rotary {
    /// For no tokens yet. Pair `i` of a head turns by `frequencies[i]` radians for each position;
    /// values of a head beyond `2 * frequencies.len()` stay.
    #[must_use]
    pub fn new(style: RotaryStyle, frequencies: &[f64]) -> Self {
        Self { style, frequencies: frequencies.to_vec(), turns: Vec::new(), tokens: 0 }
    }

    /// Sets the tokens' positions, in the order of the rows that will be turned.
    pub fn set_positions(&mut self, positions: impl IntoIterator<Item = u32>) {
        self.turns.clear();
        self.tokens = 0;
        for position in positions {
            self.tokens += 1;
            self.push_turns(f64::from(position));
        }
    }

    /// What a token at `position` is multiplied with.
    #[expect(clippy::cast_possible_truncation, reason = "sines of 24 bits are enough")]
    fn push_turns(&mut self, position: f64) {
        let width = match self.style {
            RotaryStyle::Adjacent => 2 * self.frequencies.len(),
            RotaryStyle::Halves => self.frequencies.len(),
        };
        let start = self.turns.len();
        self.turns.resize(start + 2 * width, 0.0);
        let (cosines, sines) = self.turns[start..].split_at_mut(width);
        for (pair, frequency) in self.frequencies.iter().enumerate() {
            let (sin, cos) = (position * frequency).sin_cos();
            let (sin, cos) = (sin as f32, cos as f32);
            match self.style {
                RotaryStyle::Adjacent => {
                    cosines[2 * pair..][..2].fill(cos);
                    sines[2 * pair..][..2].copy_from_slice(&[-sin, sin]);
                }
                RotaryStyle::Halves => (cosines[pair], sines[pair]) = (cos, sin),
            }
        }
    }

    /// Turns each head in place, in each row by the position of that token. The error is below
    /// 2e-7 of the pair's length.
    ///
    /// # Panics
    ///
    /// If there are not as many rows as positions, or the heads are not within rows or shorter than
    /// what turns.
    pub fn rotate(&self, heads: HeadRows<'_>, threads: &Threads) {
        assert_eq!(heads.tokens(), self.tokens, "a position for each row");
        let head_dim = heads.head_dim;
        let dimension = 2 * self.frequencies.len();
        assert!(dimension <= head_dim, "{dimension} values turn in heads of {head_dim}");
        let row = self.turns.len() / self.tokens.max(1);
        heads.for_each_row(threads, &|token, heads| {
            let (cos, sin) = self.turns[token * row..][..row].split_at(row / 2);
            match self.style {
                RotaryStyle::Adjacent => simd::run(Adjacent { heads, head_dim, cos, sin }),
                RotaryStyle::Halves => simd::run(Halves { heads, head_dim, cos, sin }),
            }
        });
    }
}

#[cfg(test)]
mod tests;
