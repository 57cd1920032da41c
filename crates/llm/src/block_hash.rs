use std::fmt;

use sha2::{Digest, Sha256};

#[cfg(test)]
mod tests;

/// Names the content of a full block and of all blocks before it: SHA-256 over the parent's hash
/// and the block's tokens, so equal hashes mean equal prefixes.
///
/// The root of a chain holds the tenant's salt: chains of different salts share nothing, so no
/// tenant can find out by response times what another one sent.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BlockHash([u8; 32]);

impl BlockHash {
    /// The parent of every first block under `salt`.
    #[must_use]
    pub fn root(salt: &[u8]) -> Self {
        Self(Sha256::new().chain_update(b"root").chain_update(salt).finalize().into())
    }

    /// The hash of the block that holds `tokens` after this one.
    #[must_use]
    pub fn child(&self, tokens: &[u32]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(self.0);
        for part in tokens.chunks(BUFFER_TOKENS) {
            let mut bytes = [0; BUFFER_TOKENS * 4];
            for (bytes, token) in bytes.chunks_exact_mut(4).zip(part) {
                bytes.copy_from_slice(&token.to_le_bytes());
            }
            hasher.update(&bytes[..part.len() * 4]);
        }
        Self(hasher.finalize().into())
    }
}

/// Tokens that reach the hasher at once; a call for each one would cost more than the hash.
const BUFFER_TOKENS: usize = 32;

impl fmt::Debug for BlockHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..6].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
