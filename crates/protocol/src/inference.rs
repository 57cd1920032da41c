//! What `build.rs` makes of `proto/`: one module, since both files are of one package.

#![expect(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::enum_variant_names,
    clippy::missing_errors_doc,
    clippy::too_many_lines,
    reason = "generated code is not held to the house style"
)]

tonic::include_proto!("inference");
