use std::{
    sync::{Arc, OnceLock, mpsc},
    thread,
    time::Duration,
};

use llguidance::{
    Matcher, ParserFactory,
    api::{ParserLimits, TopLevelGrammar},
    earley::SlicedBiasComputer,
    toktrie::{
        ApproximateTokEnv, INVALID_TOKEN, InferenceCapabilities, TokEnv, TokRxInfo, TokTrie,
    },
};
use parking_lot::{Condvar, Mutex};

use super::{GrammarError, GrammarLimits, brief, guarded};
use crate::Vocabulary;

/// The library follows rules and brackets by recursion; what [`GrammarLimits`] let through needs less than this.
/// Only what is used of it takes memory.
const STACK_BYTES: usize = 128 << 20;

/// What all grammars of a tokenizer share.
pub(super) struct Compiler {
    vocabulary: Arc<dyn Vocabulary>,
    tokens: usize,
    end_tokens: Vec<u32>,
    limits: GrammarLimits,
    built: OnceLock<Result<ParserFactory, GrammarError>>,
    /// Compilations that have not ended.
    running: Mutex<usize>,
    freed: Condvar,
}

impl std::fmt::Debug for Compiler {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Compiler")
            .field("tokens", &self.tokens)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Compiles on a thread of its own, which is left behind if it takes too long: the library cannot be interrupted.
pub(super) fn run_within_limits(
    compiler: &Arc<Compiler>,
    grammar: TopLevelGrammar,
) -> Result<Matcher, GrammarError> {
    let time = compiler.limits.compile_time_max;
    let running = Running::begin(compiler, time)?;
    let (sender, receiver) = mpsc::sync_channel(1);
    let work = move || {
        let matcher = running.0.compile(grammar);
        drop(running);
        // Nobody may wait any more.
        let _ = sender.send(matcher);
    };
    let thread = thread::Builder::new().name("grammar".to_owned()).stack_size(STACK_BYTES);
    thread.spawn(work).map_err(|_| GrammarError::Busy)?;
    receiver.recv_timeout(time).map_err(|error| match error {
        mpsc::RecvTimeoutError::Timeout => {
            GrammarError::TooLarge { reason: format!("compiling it takes longer than {time:?}") }
        }
        mpsc::RecvTimeoutError::Disconnected => {
            GrammarError::Invalid { reason: "an internal fault".to_owned() }
        }
    })?
}

/// One of the places for compilations, free again when dropped.
struct Running(Arc<Compiler>);

impl Running {
    /// Waits for a place, since most compilations are short.
    fn begin(compiler: &Arc<Compiler>, time: Duration) -> Result<Self, GrammarError> {
        let Compiler { limits, running, freed, .. } = &**compiler;
        let mut running = running.lock();
        let full = |running: &mut usize| *running >= limits.compilations_max;
        if freed.wait_while_for(&mut running, full, time).timed_out() {
            return Err(GrammarError::Busy);
        }
        *running += 1;
        Ok(Self(Arc::clone(compiler)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        *self.0.running.lock() -= 1;
        self.0.freed.notify_one();
    }
}

impl Compiler {
    pub(super) fn new(
        vocabulary: Arc<dyn Vocabulary>,
        tokens: usize,
        end_tokens: &[u32],
        limits: GrammarLimits,
    ) -> Self {
        let known = end_tokens.iter().filter(|token| (**token as usize) < tokens);
        Self {
            vocabulary,
            tokens,
            end_tokens: known.copied().collect(),
            limits,
            built: OnceLock::new(),
            running: Mutex::new(0),
            freed: Condvar::new(),
        }
    }

    pub(super) fn limits(&self) -> &GrammarLimits {
        &self.limits
    }

    pub(super) fn factory(&self) -> Result<&ParserFactory, GrammarError> {
        self.built.get_or_init(|| self.build()).as_ref().map_err(Clone::clone)
    }

    fn compile(&self, grammar: TopLevelGrammar) -> Result<Matcher, GrammarError> {
        let factory = self.factory()?;
        let mut matcher = guarded(|| Matcher::new(factory.create_parser(grammar)))?;
        if let Some(error) = matcher.get_error() {
            return Err(classified(&error));
        }
        // Shows what cannot even begin, and leaves the first states behind for every answer.
        let first = guarded(|| matcher.compute_mask_or_eos())?;
        first.map_err(|error| classified(&error.to_string()))?;
        Ok(matcher)
    }

    fn build(&self) -> Result<ParserFactory, GrammarError> {
        let environment = guarded(|| self.environment())?;
        let slices = SlicedBiasComputer::general_slices();
        let capabilities = InferenceCapabilities::default();
        let built = guarded(|| ParserFactory::new(&environment, capabilities, &slices))?;
        let mut factory =
            built.map_err(|error| GrammarError::Invalid { reason: error.to_string() })?;
        factory.quiet();
        *factory.limits_mut() = ParserLimits {
            initial_lexer_fuel: self.limits.compile_steps_max,
            step_lexer_fuel: self.limits.mask_steps_max,
            max_lexer_states: self.limits.states_max,
            max_grammar_size: self.limits.symbols_max,
            max_items_in_row: self.limits.row_items_max,
            verbose_errors: false,
            ..ParserLimits::default()
        };
        Ok(factory)
    }

    fn environment(&self) -> TokEnv {
        let tokens = u32::try_from(self.tokens).unwrap_or(u32::MAX);
        let words: Vec<Vec<u8>> = (0..tokens).map(|token| self.word(token)).collect();
        let first = self.end_tokens.first().copied().unwrap_or(INVALID_TOKEN);
        let mut trie = TokTrie::from(&TokRxInfo::new(tokens, first), &words);
        if !self.end_tokens.is_empty() {
            trie = trie.with_eos_tokens(&self.end_tokens);
        }
        Arc::new(ApproximateTokEnv::new(trie))
    }

    /// Special tokens begin with a byte that no text has.
    fn word(&self, token: u32) -> Vec<u8> {
        let bytes = self.vocabulary.token_bytes(token);
        if self.vocabulary.is_special(token) || self.end_tokens.contains(&token) {
            [&[TokTrie::SPECIAL_TOKEN_MARKER], bytes].concat()
        } else {
            bytes.to_vec()
        }
    }
}

fn classified(error: &str) -> GrammarError {
    let reason = brief(error);
    let limits = ["too big", "too large", "too many", "too complex", "max is", "limit", "fuel"];
    if limits.iter().any(|word| reason.contains(word)) {
        GrammarError::TooLarge { reason }
    } else {
        GrammarError::Invalid { reason }
    }
}
