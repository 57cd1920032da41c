use super::BlockHash;

/// Hash of a chain of blocks under a salt.
fn chain(salt: &str, blocks: &[&[u32]]) -> BlockHash {
    blocks.iter().fold(BlockHash::root(salt.as_bytes()), |parent, tokens| parent.child(tokens))
}

#[test]
fn equal_chains_have_equal_hashes() {
    assert_eq!(chain("a", &[&[1, 2], &[3, 4]]), chain("a", &[&[1, 2], &[3, 4]]));
}

#[test]
fn whatever_differs_changes_the_hash() {
    let long: Vec<u32> = (0..100).collect();
    let mut swapped = long.clone();
    swapped.swap(40, 80);
    let hashes = [
        chain("a", &[&[1, 2], &[3, 4]]),
        chain("b", &[&[1, 2], &[3, 4]]),
        chain("a", &[&[2, 1], &[3, 4]]),
        chain("a", &[&[1, 2], &[4, 3]]),
        chain("a", &[&[1, 2]]),
        chain("a", &[&[3, 4]]),
        chain("a", &[]),
        chain("a", &[&[0x0201, 0], &[3, 4]]),
        chain("a", &[&long]),
        chain("a", &[&swapped]),
    ];
    for (index, hash) in hashes.iter().enumerate() {
        assert!(!hashes[..index].contains(hash), "chain {index} has an earlier one's hash");
    }
}
