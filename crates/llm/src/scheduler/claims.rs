use std::collections::HashMap;

use crate::{BlockHash, SequenceId};

/// Which running sequence is going to compute which full block, so that another one that needs the
/// same block can wait for it. A block has one owner, the first that claimed it.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// Looked up only; its order never decides anything.
    owners: HashMap<BlockHash, SequenceId>,
}

impl Claims {
    pub(super) fn claim(&mut self, blocks: &[BlockHash], owner: SequenceId) {
        for block in blocks {
            self.owners.entry(*block).or_insert(owner);
        }
    }

    /// Takes back the claims of `owner` on `blocks`: they are computed, or never will be by it.
    pub(super) fn release(&mut self, blocks: &[BlockHash], owner: SequenceId) {
        for block in blocks {
            if self.owners.get(block) == Some(&owner) {
                self.owners.remove(block);
            }
        }
    }

    pub(super) fn owner(&self, block: &BlockHash) -> Option<SequenceId> {
        self.owners.get(block).copied()
    }

    #[cfg(test)]
    pub(super) fn owners(&self) -> impl Iterator<Item = SequenceId> {
        self.owners.values().copied()
    }
}
