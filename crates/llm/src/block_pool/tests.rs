use proptest::prelude::{Strategy, any, prop, prop_oneof, proptest};

use super::{BlockPool, BlockPoolStats};
use crate::BlockHash;

impl BlockPool {
    /// Each block is referenced exactly as often as `tables` name it, free exactly if they do not,
    /// and found by its hash exactly if it has one.
    #[track_caller]
    pub(crate) fn check_invariants<'a>(&self, tables: impl IntoIterator<Item = &'a [u32]>) {
        let mut references = vec![0; self.blocks.len()];
        tables.into_iter().flatten().for_each(|block| references[*block as usize] += 1);
        let mut free: Vec<u32> = self.free.iter().collect();
        assert_eq!(free.len(), self.free.len(), "length of the free list");
        free.sort_unstable();
        let mut unused = Vec::new();
        for (number, (block, references)) in (0..).zip(self.blocks.iter().zip(references)) {
            assert_eq!(block.references, references, "references of block {number}");
            if references == 0 {
                unused.push(number);
            }
            if let Some(hash) = &block.hash {
                assert_eq!(self.cached.get(hash), Some(&number), "block {number} is not found");
            }
        }
        assert_eq!(free, unused, "the free list against the blocks without references");
        let hashed = self.blocks.iter().filter(|block| block.hash.is_some()).count();
        assert_eq!(self.cached.len(), hashed, "hashes that lead to blocks without them");
    }
}

fn hash(content: u32) -> BlockHash {
    BlockHash::root(b"").child(&[content])
}

/// Allocates a block and gives it content.
fn fill(pool: &mut BlockPool, content: u32) -> u32 {
    let block = pool.allocate().unwrap();
    pool.register(block, hash(content))
}

#[test]
fn a_pool_gives_each_block_once() {
    let mut pool = BlockPool::new(3, 4);
    let blocks = [(); 4].map(|()| pool.allocate());
    assert_eq!(blocks, [Some(0), Some(1), Some(2), None]);
    pool.check_invariants([[0, 1, 2].as_slice()]);
}

#[test]
fn tokens_fill_whole_blocks() {
    let pool = BlockPool::new(3, 4);
    assert_eq!([0, 1, 4, 5, 8].map(|tokens| pool.blocks_for(tokens)), [0, 1, 1, 2, 2]);
}

#[test]
fn content_outlives_its_users() {
    let mut pool = BlockPool::new(2, 4);
    let block = fill(&mut pool, 7);
    pool.release(block);
    assert!(pool.is_free(block));
    assert_eq!(pool.find(&hash(7)), Some(block));
    pool.acquire(block);
    assert_eq!(pool.free_blocks(), 1);
    pool.check_invariants([[block].as_slice()]);
}

#[test]
fn blocks_without_content_are_taken_first_then_the_longest_unused() {
    let mut pool = BlockPool::new(4, 4);
    let [old, new] = [1, 2].map(|content| fill(&mut pool, content));
    let empty = pool.allocate().unwrap();
    pool.release(old);
    pool.release(new);
    pool.release(empty);
    let order = [(); 4].map(|()| pool.allocate().unwrap());
    assert_eq!(order, [empty, 3, old, new]);
    assert_eq!(pool.stats().evictions, 2);
    assert_eq!(pool.find(&hash(1)), None);
}

#[test]
fn the_beginning_of_a_sequence_is_kept_longest() {
    let mut pool = BlockPool::new(3, 4);
    let mut table: Vec<u32> = (0..3).map(|content| fill(&mut pool, content)).collect();
    pool.release_table(&mut table);
    assert!(table.is_empty());
    let order = [(); 3].map(|()| pool.allocate().unwrap());
    assert_eq!(order, [2, 1, 0]);
}

#[test]
fn an_equal_block_replaces_the_new_one() {
    let mut pool = BlockPool::new(3, 4);
    let first = fill(&mut pool, 7);
    let second = pool.allocate().unwrap();
    assert_eq!(pool.register(second, hash(7)), first);
    assert!(pool.is_free(second));
    assert_eq!(pool.register(first, hash(7)), first);
    pool.check_invariants([[first].as_slice(), &[first]]);
    let expected =
        BlockPoolStats { blocks: 3, used: 1, cached: 1, deduplicated: 1, ..pool.stats() };
    assert_eq!(pool.stats(), expected);
}

#[test]
fn a_reset_forgets_content_but_not_users() {
    let mut pool = BlockPool::new(3, 4);
    let [kept, left] = [1, 2].map(|content| fill(&mut pool, content));
    pool.release(left);
    pool.reset_prefix_cache();
    assert_eq!((pool.find(&hash(1)), pool.find(&hash(2))), (None, None));
    pool.check_invariants([[kept].as_slice()]);
    pool.release(kept);
    pool.check_invariants([]);
}

#[test]
#[should_panic(expected = "released once too often")]
fn a_second_release_is_a_bug() {
    let mut pool = BlockPool::new(1, 4);
    let block = pool.allocate().unwrap();
    pool.release(block);
    pool.release(block);
}

#[derive(Clone, Debug)]
enum Operation {
    Fill(u32),
    Share(u32),
    Release(usize),
    ReleaseAll,
    Reset,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => (0..8u32).prop_map(Operation::Fill),
        2 => (0..8u32).prop_map(Operation::Share),
        3 => any::<usize>().prop_map(Operation::Release),
        1 => prop::strategy::Just(Operation::ReleaseAll),
        1 => prop::strategy::Just(Operation::Reset),
    ]
}

fn apply(pool: &mut BlockPool, table: &mut Vec<u32>, operation: &Operation) {
    match operation {
        Operation::Fill(content) => {
            if let Some(block) = pool.allocate() {
                table.push(pool.register(block, hash(*content)));
            }
        }
        Operation::Share(content) => {
            if let Some(block) = pool.find(&hash(*content)) {
                pool.acquire(block);
                table.push(block);
            }
        }
        Operation::Release(index) if !table.is_empty() => {
            let block = table.swap_remove(index % table.len());
            pool.release(block);
        }
        Operation::Release(_) => {}
        Operation::ReleaseAll => pool.release_table(table),
        Operation::Reset => pool.reset_prefix_cache(),
    }
}

proptest! {
    #[test]
    fn every_block_is_free_or_referenced_as_counted(
        blocks in 0..6usize,
        operations in prop::collection::vec(operation(), 0..60),
    ) {
        let mut pool = BlockPool::new(blocks, 4);
        let mut table = Vec::new();
        for operation in &operations {
            apply(&mut pool, &mut table, operation);
            pool.check_invariants([table.as_slice()]);
        }
    }
}
