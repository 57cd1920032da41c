mod compiler;
mod source;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use llguidance::{Matcher, toktrie::SimpleVob};
use thiserror::Error;

use self::compiler::Compiler;
use crate::{TokenMask, Vocabulary};

pub use self::source::GrammarSource;

/// Makes grammars for one tokenizer.
///
/// What it needs of the tokenizer, a tree of all tokens, is built by the first grammar.
#[derive(Clone, Debug)]
pub struct GrammarFactory {
    compiler: Arc<Compiler>,
}

/// What a grammar may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrammarLimits {
    /// Bytes of a grammar as it was sent.
    pub source_bytes_max: usize,
    /// Rules and terminals of a grammar in Lark's notation: one a line.
    pub lines_max: usize,
    /// Brackets within brackets.
    pub depth_max: usize,
    /// Symbols of the rules after they were put in normal form.
    pub symbols_max: usize,
    /// Steps for the expressions of the grammar's terminals; 50,000 take about a millisecond.
    pub compile_steps_max: u64,
    /// Ways that the grammar may go on at one place, as optional members of an object.
    pub row_items_max: usize,
    /// Steps for the mask of one token; 14,000 take about a millisecond.
    pub mask_steps_max: u64,
    /// Time for making a grammar, first mask included; what is not ready then is refused.
    pub compile_time_max: Duration,
    /// Grammars that are being made at the same time, those that were given up included.
    pub compilations_max: usize,
    /// States that the terminals' automaton may get; each takes one to two kilobytes.
    pub states_max: usize,
}

impl Default for GrammarLimits {
    fn default() -> Self {
        Self {
            source_bytes_max: 256 << 10,
            lines_max: 1000,
            depth_max: 64,
            symbols_max: 200_000,
            compile_steps_max: 500_000,
            row_items_max: 10_000,
            mask_steps_max: 200_000,
            compile_time_max: Duration::from_secs(3),
            compilations_max: 2,
            states_max: 50_000,
        }
    }
}

/// A grammar that answers can be held to.
#[derive(Clone)]
pub struct Grammar {
    matcher: Matcher,
}

/// Why a grammar cannot be used, or no longer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum GrammarError {
    /// It is wrong, or asks for something that is not supported.
    #[error("the grammar is not usable: {reason}")]
    Invalid {
        /// What is wrong.
        reason: String,
    },
    /// It costs more than is allowed.
    #[error("the grammar is too large: {reason}")]
    TooLarge {
        /// Which limit, and what would fit.
        reason: String,
    },
    /// Others are being made, and took too long; it may be tried again.
    #[error("too many grammars are being compiled; try again in a moment")]
    Busy,
    /// It came into a state that it cannot leave; the answer cannot go on.
    #[error("the grammar cannot go on: {reason}")]
    Stuck {
        /// What happened.
        reason: String,
    },
}

impl std::fmt::Debug for Grammar {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Grammar").finish_non_exhaustive()
    }
}

impl GrammarFactory {
    /// For the tokens 0 to below `tokens`; any of `end_tokens` ends an answer.
    #[must_use]
    pub fn new(
        vocabulary: Arc<dyn Vocabulary>,
        tokens: usize,
        end_tokens: &[u32],
        limits: GrammarLimits,
    ) -> Self {
        Self { compiler: Arc::new(Compiler::new(vocabulary, tokens, end_tokens, limits)) }
    }

    /// Builds what all grammars need: about 0.3 seconds for 49,000 tokens, which the first grammar takes otherwise.
    ///
    /// # Errors
    ///
    /// The tokens make no tree.
    pub fn prepare(&self) -> Result<(), GrammarError> {
        self.compiler.factory().map(drop)
    }

    /// Makes a grammar ready. Takes from a fraction of a millisecond to as long as the limits allow, so it is nothing
    /// for a thread that others wait for.
    ///
    /// # Errors
    ///
    /// The grammar is wrong or too large, or too many others are being made.
    pub fn compile(&self, source: &GrammarSource) -> Result<Grammar, GrammarError> {
        let grammar = source.check(self.compiler.limits())?;
        let matcher = compiler::run_within_limits(&self.compiler, grammar)?;
        Ok(Grammar { matcher })
    }
}

impl Grammar {
    /// Begins an answer.
    #[must_use]
    pub fn matcher(&self) -> GrammarMatcher {
        // Shares nothing that grows with other answers: a limit that one of them meets ends that one.
        GrammarMatcher { matcher: self.matcher.deep_clone(), mask: SimpleVob::new() }
    }
}

/// Where one answer is in its grammar.
pub struct GrammarMatcher {
    matcher: Matcher,
    mask: SimpleVob,
}

impl std::fmt::Debug for GrammarMatcher {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("GrammarMatcher")
            .field("finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}

impl GrammarMatcher {
    /// The tokens that may come next; the end tokens where the grammar may end, nothing else where it must.
    ///
    /// # Errors
    ///
    /// The mask costs more than the limits allow, or no token fits.
    pub fn mask(&mut self) -> Result<TokenMask<'_>, GrammarError> {
        self.mask = guarded(|| self.matcher.compute_mask_or_eos())?.map_err(stuck)?;
        Ok(TokenMask::new(self.mask.as_slice()))
    }

    /// Takes the token that came.
    ///
    /// # Errors
    ///
    /// The mask forbade it.
    pub fn advance(&mut self, token: u32) -> Result<(), GrammarError> {
        if self.is_finished() {
            return Ok(());
        }
        guarded(|| self.matcher.consume_token(token))?.map_err(stuck)
    }

    /// Whether nothing but an end may come.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.matcher.is_stopped()
    }

    /// Whether the answer is whole as it is.
    pub fn is_accepting(&mut self) -> bool {
        self.is_finished() || self.matcher.is_accepting().unwrap_or(false)
    }

    /// The text that must come next, whatever the tokens; often empty.
    pub fn forced_bytes(&mut self) -> Vec<u8> {
        if self.is_finished() { Vec::new() } else { self.matcher.compute_ff_bytes() }
    }
}

/// Runs what may have a fault of its own; that must fail one answer only.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, GrammarError> {
    catch_unwind(AssertUnwindSafe(work))
        .map_err(|_| GrammarError::Stuck { reason: "an internal fault".to_owned() })
}

fn stuck(error: impl std::fmt::Display) -> GrammarError {
    GrammarError::Stuck { reason: brief(&error.to_string()) }
}

/// Without the library's states and backtraces, which are nothing for a client.
fn brief(error: &str) -> String {
    let end = ["\n<state>", "\n<non-verbose", "\n<backtrace>"]
        .iter()
        .filter_map(|mark| error.find(mark))
        .min()
        .unwrap_or(error.len());
    error[..end].chars().take(300).collect()
}

#[cfg(test)]
mod tests;
