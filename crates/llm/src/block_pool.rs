use std::collections::HashMap;

use free_list::FreeList;

use crate::BlockHash;

mod free_list;
#[cfg(test)]
mod tests;

/// Which blocks of the key-value cache are free, in use, and known by their content.
///
/// Knows numbers of blocks, not their memory. A block is used by as many sequences as it has
/// references; with none it is free, but keeps its content under its hash until it is allocated
/// again, least recently used first.
#[derive(Debug)]
pub struct BlockPool {
    block_tokens: usize,
    blocks: Vec<Block>,
    /// All blocks without references; those without content first, then by time of release.
    free: FreeList,
    /// Looked up only; its order never decides anything.
    cached: HashMap<BlockHash, u32>,
    counts: Counts,
}

#[derive(Clone, Debug, Default)]
struct Block {
    references: u32,
    /// Set exactly while `cached` leads to this block.
    hash: Option<BlockHash>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    queried_tokens: u64,
    hit_tokens: u64,
    evictions: u64,
    deduplicated: u64,
}

/// State and history of a [`BlockPool`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockPoolStats {
    /// Blocks in all.
    pub blocks: usize,
    /// Blocks that sequences use now.
    pub used: usize,
    /// Blocks that can be found by their content now, used or free.
    pub cached: usize,
    /// Tokens that were looked up by their content.
    pub queried_tokens: u64,
    /// Those of them that were found, and so need no computing.
    pub hit_tokens: u64,
    /// Blocks whose content was given up for new content.
    pub evictions: u64,
    /// Full blocks that were given back because an equal one was there already.
    pub deduplicated: u64,
}

impl BlockPool {
    /// Returns a pool of `blocks` free blocks of `block_tokens` tokens each.
    ///
    /// # Panics
    ///
    /// If a block would hold no token, or the blocks cannot be numbered in 32 bits.
    #[must_use]
    pub fn new(blocks: usize, block_tokens: usize) -> Self {
        assert!(block_tokens > 0, "a block must hold a token");
        let free = FreeList::full(u32::try_from(blocks).expect("blocks are numbered in 32 bits"));
        let blocks = vec![Block::default(); blocks];
        Self { block_tokens, blocks, free, cached: HashMap::new(), counts: Counts::default() }
    }

    /// Tokens of one block.
    #[must_use]
    pub fn block_tokens(&self) -> usize {
        self.block_tokens
    }

    /// Blocks that `tokens` tokens of one sequence need.
    #[must_use]
    pub fn blocks_for(&self, tokens: usize) -> usize {
        tokens.div_ceil(self.block_tokens)
    }

    /// Blocks in all.
    #[must_use]
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Whether the pool has no block at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Blocks that can be allocated, with or without content.
    #[must_use]
    pub fn free_blocks(&self) -> usize {
        self.free.len()
    }

    /// Whether no sequence uses `block`.
    #[must_use]
    pub fn is_free(&self, block: u32) -> bool {
        self.blocks[block as usize].references == 0
    }

    /// State and history.
    #[must_use]
    pub fn stats(&self) -> BlockPoolStats {
        let Counts { queried_tokens, hit_tokens, evictions, deduplicated } = self.counts;
        BlockPoolStats {
            blocks: self.blocks.len(),
            used: self.blocks.len() - self.free.len(),
            cached: self.cached.len(),
            queried_tokens,
            hit_tokens,
            evictions,
            deduplicated,
        }
    }

    /// Takes a free block for new content; the content that it still had is given up.
    /// `None` if all blocks are in use.
    pub fn allocate(&mut self) -> Option<u32> {
        let block = self.free.pop_front()?;
        let Block { references, hash } = &mut self.blocks[block as usize];
        *references = 1;
        if let Some(hash) = hash.take() {
            self.cached.remove(&hash);
            self.counts.evictions += 1;
        }
        Some(block)
    }

    /// The block with this content, if there is one.
    #[must_use]
    pub fn find(&self, hash: &BlockHash) -> Option<u32> {
        self.cached.get(hash).copied()
    }

    /// Adds a user to a block that was found.
    pub fn acquire(&mut self, block: u32) {
        let references = &mut self.blocks[block as usize].references;
        if *references == 0 {
            self.free.remove(block);
        }
        *references += 1;
    }

    /// Takes a user from a block. After the last one it is free, and its content, if it has a hash,
    /// can be found until it is allocated again.
    ///
    /// # Panics
    ///
    /// If nobody uses the block.
    pub fn release(&mut self, block: u32) {
        let Block { references, hash } = &mut self.blocks[block as usize];
        assert!(*references > 0, "block {block} is released once too often");
        *references -= 1;
        match (*references, hash) {
            (0, Some(_)) => self.free.push_back(block),
            // Whoever needs a block next takes this one: nothing is lost by it.
            (0, None) => self.free.push_front(block),
            _ => {}
        }
    }

    /// Releases all blocks of a sequence, the last one first, so that the beginning of a prompt,
    /// which others are more likely to share, is kept longest.
    pub fn release_table(&mut self, block_table: &mut Vec<u32>) {
        block_table.drain(..).rev().for_each(|block| self.release(block));
    }

    /// Makes the content of a full block in use known under its hash. Returns the block to use
    /// from now on: if another one has the same content already, that one, and `block` is released.
    pub fn register(&mut self, block: u32, hash: BlockHash) -> u32 {
        match self.find(&hash) {
            Some(found) if found == block => block,
            Some(found) => {
                self.acquire(found);
                self.release(block);
                self.counts.deduplicated += 1;
                found
            }
            None => {
                if let Some(old) = self.blocks[block as usize].hash.replace(hash) {
                    self.cached.remove(&old);
                }
                self.cached.insert(hash, block);
                block
            }
        }
    }

    /// Counts a look-up of `tokens` tokens of which `hits` were found.
    pub fn count_query(&mut self, tokens: usize, hits: usize) {
        self.counts.queried_tokens += tokens as u64;
        self.counts.hit_tokens += hits as u64;
    }

    /// Forgets all content; blocks in use stay in use, but are found no more.
    pub fn reset_prefix_cache(&mut self) {
        self.cached.clear();
        self.blocks.iter_mut().for_each(|block| block.hash = None);
    }
}
