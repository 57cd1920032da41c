//! Numbers that look random and are the same everywhere.

/// The numbers of the tensor that is called `name`: `count` of them, even between -1 and 1.
pub(super) fn even(name: &str, count: usize) -> impl Iterator<Item = f32> {
    let mut state = fnv1a(name);
    (0..count).map(move |_| {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let high = (mix(state) >> 40) as i32;
        // 24 bits are exact in a float, and so is their division by a power of two.
        (high - (1 << 23)) as f32 / (1 << 23) as f32
    })
}

/// Random bytes that depend on `name`.
pub(super) fn bytes(name: &str, count: usize) -> Vec<u8> {
    let mut state = fnv1a(name);
    let mut bytes = Vec::with_capacity(count + 8);
    while bytes.len() < count {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        bytes.extend(mix(state).to_le_bytes());
    }
    bytes.truncate(count);
    bytes
}

/// The finaliser of SplitMix64.
fn mix(mut state: u64) -> u64 {
    state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    state ^ (state >> 31)
}

fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}
