#![no_main]

#[expect(dead_code, reason = "each target uses one of the entries")]
#[path = "../../tests/fuzz/entry.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entry::openai_requests(data));
