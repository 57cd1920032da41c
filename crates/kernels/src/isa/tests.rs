/// Says which code a test held against the definition: `cargo xtask avx512` fails if what it emulates
/// is not named. `isa` is the code's debug form, of which the first word counts.
pub(crate) fn compared(what: &str, isa: &str) {
    let name = isa.split_once('(').map_or(isa, |(name, _)| name);
    println!("compared: {what} {name}");
}

#[cfg(target_arch = "x86_64")]
#[test]
fn extensions_come_with_their_foundation() {
    use super::{Avx2, Avx512, Avx512Bf16, Avx512Vnni, AvxVnni};
    let extends = Avx512Vnni::detect().is_some() || Avx512Bf16::detect().is_some();
    assert!(!extends || Avx512::detect().is_some());
    assert!(AvxVnni::detect().is_none() || Avx2::detect().is_some());
}
