//! What `build.rs` makes of `proto/`: one module, since both files are of one package.

#![expect(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::wildcard_imports,
    reason = "generated code is not held to the house style"
)]

tonic::include_proto!("inference");
