//! How language models are run.

use std::{fs, num::NonZeroUsize, time::Duration};

use anyhow::{Result, bail};
use engines::{KvFormat, LanguageOptions, Precision};
use serde::Serialize;

use crate::settings::{KvCacheType, Quantize, Settings};

/// Bytes for keys and values where nothing is known of the machine's memory.
const KV_BYTES: usize = 1 << 30;

/// Every key of language models.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Language {
    pub quantize: Quantize,
    pub kv_cache_type: KvCacheType,
    pub kv_cache_bytes: usize,
    pub context_length: Option<usize>,
    pub max_sequences: usize,
    pub max_step_tokens: usize,
    pub max_queue_tokens: usize,
    pub speculation: bool,
    pub prefix_cache: bool,
}

impl Language {
    /// Fills in the defaults and checks what was given.
    ///
    /// # Errors
    ///
    /// A value is out of range, or two contradict each other.
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        let language = Self {
            quantize: settings.quantize.unwrap_or(Quantize::Stored),
            kv_cache_type: settings.kv_cache_type.unwrap_or(KvCacheType::F16),
            kv_cache_bytes: settings.kv_cache_bytes.unwrap_or_else(free_quarter),
            context_length: settings.context_length,
            max_sequences: settings.max_sequences.unwrap_or(128),
            max_step_tokens: settings.max_step_tokens.unwrap_or(512),
            max_queue_tokens: settings.max_queue_tokens.unwrap_or(1 << 18),
            speculation: settings.speculation.unwrap_or(true),
            prefix_cache: settings.prefix_cache.unwrap_or(true),
        };
        if language.max_sequences == 0 || language.max_step_tokens <= language.max_sequences {
            bail!(
                "max-sequences is {} and max-step-tokens {}: there must be one sequence at least, \
                 and a step must have room for a token of each and for prompts",
                language.max_sequences,
                language.max_step_tokens
            );
        }
        if language.context_length == Some(0) || language.max_queue_tokens == 0 {
            bail!("context-length and max-queue-tokens must be at least 1");
        }
        Ok(language)
    }

    /// What the engine is given.
    pub(crate) fn options(
        &self,
        threads: NonZeroUsize,
        queue_requests_max: usize,
        step_duration_max: Duration,
    ) -> LanguageOptions {
        LanguageOptions {
            threads,
            precision: match self.quantize {
                Quantize::Stored => Precision::Stored,
                Quantize::Int4 => Precision::Int4,
                Quantize::Int8 => Precision::Int8,
                Quantize::F16 => Precision::F16,
                Quantize::Bf16 => Precision::Bf16,
                Quantize::F32 => Precision::F32,
            },
            kv_format: match self.kv_cache_type {
                KvCacheType::F16 => KvFormat::F16,
                KvCacheType::Bf16 => KvFormat::Bf16,
                KvCacheType::Int8 => KvFormat::Int8,
                KvCacheType::F32 => KvFormat::F32,
            },
            kv_bytes: self.kv_cache_bytes,
            context_length: self.context_length,
            sequences_max: self.max_sequences,
            step_tokens_max: self.max_step_tokens,
            queue_requests_max,
            queue_tokens_max: self.max_queue_tokens,
            speculation: self.speculation,
            prefix_cache: self.prefix_cache,
            step_duration_max,
        }
    }
}

/// A quarter of the memory that is free, as far as this process may have it.
fn free_quarter() -> usize {
    let free = available().unwrap_or(4 * KV_BYTES);
    free.min(limit().unwrap_or(usize::MAX)) / 4
}

/// Memory that the machine could give.
fn available() -> Option<usize> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// Memory that the control group leaves.
fn limit() -> Option<usize> {
    let read = |name: &str| -> Option<usize> {
        fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?.trim().parse().ok()
    };
    Some(read("memory.max")?.saturating_sub(read("memory.current").unwrap_or(0)))
}
