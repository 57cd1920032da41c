//! Secrets that callers send along.

use std::hint::black_box;

/// Shortest secret: what is shorter is guessed.
const LEN_MIN: usize = 8;

/// Checks that a secret fits into a header and cannot be guessed.
///
/// # Errors
///
/// It is too short, or has other characters than visible ASCII; the message does not repeat it.
pub(crate) fn check_secret(text: &str) -> Result<(), String> {
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("may only have visible ASCII characters, and no spaces".to_owned());
    }
    if text.len() < LEN_MIN {
        let len = text.len();
        return Err(format!("has {len} characters; give at least {LEN_MIN}"));
    }
    Ok(())
}

/// Takes as long for a secret that is nearly right as for any other of its length. `own` is not
/// empty.
pub(crate) fn is_same(own: &[u8], given: &[u8]) -> bool {
    let mut difference = own.len() ^ given.len();
    for (index, byte) in given.iter().enumerate() {
        difference |= usize::from(byte ^ own[index % own.len()]);
    }
    black_box(difference) == 0
}
