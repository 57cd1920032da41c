use crate::CheckpointError;

/// Why a model cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Its files are wrong, or something is missing in them.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Its weights cannot be packed.
    #[error(transparent)]
    Pack(#[from] kernels::PackError),
    /// Keys and values have no room.
    #[error(transparent)]
    Cache(#[from] kernels::KvError),
    /// The room is too small for a single token.
    #[error("{bytes} bytes for keys and values hold no block of {block_bytes}; give more")]
    NoBlocks {
        /// What was given.
        bytes: usize,
        /// What one block takes.
        block_bytes: usize,
    },
    /// The context asked for is longer than the model's.
    #[error("a context of {asked} tokens was asked for; the model was made for {longest}")]
    Context {
        /// What was asked for.
        asked: usize,
        /// The model's own.
        longest: usize,
    },
}
