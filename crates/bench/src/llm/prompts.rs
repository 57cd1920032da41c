//! Prompts of exact lengths, cut from a text: no two servers get others, no two rounds the same.

use anyhow::{Result, ensure};
use loadgen::Random;

use super::{
    client::Prompt,
    http_load::{HttpLoad, OUTPUT_TOKENS, PROMPT_TOKENS},
};

/// Tokens of the prompt that arrives among streams.
pub(super) const LONG_TOKENS: usize = 4000;

/// A text's tokens.
#[derive(Clone, Debug)]
pub(super) struct Prompts {
    tokens: Vec<u32>,
    seed: u64,
}

impl Prompts {
    /// Prompts from these tokens.
    ///
    /// # Errors
    ///
    /// There are too few of them.
    pub(super) fn new(tokens: Vec<u32>, seed: u64) -> Result<Self> {
        let needed = 2 * LONG_TOKENS;
        ensure!(tokens.len() >= needed, "{} tokens are fewer than {needed}", tokens.len());
        Ok(Self { tokens, seed })
    }

    /// The text's tokens.
    pub(super) fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// The prompts of a load in a round: the same for every server.
    pub(super) fn of_load(&self, model: &str, load: &HttpLoad, round: usize) -> Vec<Prompt> {
        let mut random = self.random(round * 1000 + load.concurrency + load.shared_tokens);
        let shared = self.slice(&mut random, load.shared_tokens);
        let prompt = |random: &mut Random| {
            let own = self.slice(random, PROMPT_TOKENS);
            self.prompt(model, [shared, own].concat(), OUTPUT_TOKENS)
        };
        (0..load.requests).map(|_| prompt(&mut random)).collect()
    }

    /// A number of prompts of the same length, of another kind each.
    pub(super) fn of_streams(
        &self,
        model: &str,
        (streams, output_tokens): (usize, usize),
        round: usize,
    ) -> Vec<Prompt> {
        let mut random = self.random(round * 1000 + 500);
        let prompt =
            |_| self.prompt(model, self.slice(&mut random, PROMPT_TOKENS).to_vec(), output_tokens);
        (0..streams).map(prompt).collect()
    }

    /// One long prompt.
    pub(super) fn long(&self, model: &str, output_tokens: usize, round: usize) -> Prompt {
        let mut random = self.random(round * 1000 + 900);
        self.prompt(model, self.slice(&mut random, LONG_TOKENS).to_vec(), output_tokens)
    }

    fn prompt(&self, model: &str, tokens: Vec<u32>, output_tokens: usize) -> Prompt {
        Prompt { model: model.to_owned(), tokens, output_tokens }
    }

    fn random(&self, stream: usize) -> Random {
        Random::new(self.seed.wrapping_mul(1_000_003).wrapping_add(stream as u64))
    }

    /// So many tokens from anywhere in the text.
    fn slice(&self, random: &mut Random, tokens: usize) -> &[u32] {
        let places = (self.tokens.len() - tokens) as u64;
        let start = usize::try_from(random.below(places)).expect("it is below a length");
        &self.tokens[start..][..tokens]
    }
}

#[cfg(test)]
mod tests;
