/// Which tokens a grammar allows now, one bit each.
#[derive(Clone, Copy, Debug)]
pub struct TokenMask<'a> {
    words: &'a [u32],
}

impl<'a> TokenMask<'a> {
    /// Token `i` is allowed if bit `i % 32` of word `i / 32` is set, forbidden if there is no such word.
    #[must_use]
    pub fn new(words: &'a [u32]) -> Self {
        Self { words }
    }

    /// Whether the token is allowed.
    #[must_use]
    pub fn allows(&self, token: u32) -> bool {
        self.words.get(token as usize / 32).is_some_and(|word| word >> (token % 32) & 1 == 1)
    }

    /// Makes all others impossible.
    pub(super) fn apply(&self, logits: &mut [f32]) {
        let mut blocks = logits.chunks_mut(32);
        // Words first: `zip` would swallow a block after the last word.
        for (word, block) in self.words.iter().zip(blocks.by_ref()) {
            match *word {
                u32::MAX => {}
                0 => block.fill(f32::NEG_INFINITY),
                word => {
                    for (bit, logit) in block.iter_mut().enumerate() {
                        *logit = if word >> bit & 1 == 1 { *logit } else { f32::NEG_INFINITY };
                    }
                }
            }
        }
        blocks.for_each(|block| block.fill(f32::NEG_INFINITY));
    }
}
