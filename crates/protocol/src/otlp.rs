//! Messages that carry traces to an OpenTelemetry collector (OTLP 1.x).

#![expect(
    missing_docs,
    clippy::enum_variant_names,
    reason = "generated code is not held to the house style"
)]

include!(concat!(env!("OUT_DIR"), "/otlp.rs"));
