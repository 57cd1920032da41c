//! Makes new inputs of old ones: cuts, repeats, joins, and puts in pieces that matter.

/// Pieces that change what a parser does.
const PIECES: [&[u8]; 28] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"\\",
    b",",
    b":",
    b"\\u",
    b"\\ud800",
    b"-",
    b"0",
    b"1e999",
    b"1.5",
    b"18446744073709551616",
    b"-9223372036854775808",
    b"null",
    b"true",
    b"NaN",
    b"\xff",
    b"\0",
    b"\n",
    b" ",
    b"\"data\":",
    b"\"shape\":[4611686018427387904,4]",
    b"\"binary_data_size\":",
    b"BYTES",
    b"<",
];

/// Inputs longer than this are not made.
const LEN_MAX: usize = 4096;

pub(crate) struct Mutator<'a> {
    examples: &'a [Vec<u8>],
    current: Vec<u8>,
    state: u64,
}

impl<'a> Mutator<'a> {
    pub(crate) fn new(examples: &'a [Vec<u8>], seed: u64) -> Self {
        Self { examples, current: Vec::new(), state: seed }
    }

    /// The next input: an example, changed one to eight times.
    pub(crate) fn next(&mut self) -> &[u8] {
        let example = self.below(self.examples.len());
        self.current.clone_from(&self.examples[example]);
        for _ in 0..=self.below(8) {
            self.change();
        }
        &self.current
    }

    fn change(&mut self) {
        let len = self.current.len();
        let at = self.below(len + 1);
        let end = at + self.below((len - at).min(64) + 1);
        match self.below(6) {
            0 => drop(self.current.drain(at..end)),
            1 => self.current.truncate(at),
            2 => {
                let piece = PIECES[self.below(PIECES.len())];
                self.current.splice(at..at, piece.iter().copied());
            }
            3 => {
                let times = 1 + self.below(40);
                let copy = self.current[at..end].repeat(times);
                self.current.splice(at..at, copy);
            }
            4 => {
                let other = &self.examples[self.below(self.examples.len())];
                let from = self.below(other.len() + 1);
                self.current.splice(at..end, other[from..].iter().copied());
            }
            _ if at < len => self.current[at] ^= 1 << self.below(8),
            _ => {}
        }
        self.current.truncate(LEN_MAX);
    }

    /// A number below `bound`, which is not 0. (xorshift64*)
    fn below(&mut self, bound: usize) -> usize {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let high = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).unwrap() % bound
    }
}
