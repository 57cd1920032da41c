use std::collections::VecDeque;

/// Sequences of tokens that must not be completed.
#[derive(Clone, Debug)]
pub(super) struct BadWords {
    words: Vec<Vec<u32>>,
    /// The last tokens of the answer, as many as the longest word has before its end.
    tail: VecDeque<u32>,
    tail_tokens: usize,
}

impl BadWords {
    /// `None` if there is none.
    pub(super) fn of(words: &[Vec<u32>]) -> Option<Self> {
        let words: Vec<_> = words.iter().filter(|word| !word.is_empty()).cloned().collect();
        let tail_tokens = words.iter().map(|word| word.len() - 1).max()?;
        Some(Self { words, tail: VecDeque::with_capacity(tail_tokens), tail_tokens })
    }

    pub(super) fn observe(&mut self, token: u32) {
        if self.tail_tokens == 0 {
            return;
        }
        if self.tail.len() == self.tail_tokens {
            self.tail.pop_front();
        }
        self.tail.push_back(token);
    }

    pub(super) fn apply(&self, logits: &mut [f32]) {
        for word in &self.words {
            let Some((last, before)) = word.split_last() else { continue };
            let begun = self.tail.len() >= before.len()
                && self.tail.iter().rev().zip(before.iter().rev()).all(|(a, b)| a == b);
            if let (true, Some(logit)) = (begun, logits.get_mut(*last as usize)) {
                *logit = f32::NEG_INFINITY;
            }
        }
    }
}
