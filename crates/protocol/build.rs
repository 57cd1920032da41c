//! Compiles `proto/` without needing `protoc`.

#![expect(clippy::disallowed_methods, reason = "cargo tells build scripts by environment")]

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;

const PROTO_DIR: &str = "proto";
const OTLP_FILE: &str = "otlp.proto";
const PROTO_FILES: [&str; 2] = ["model_config.proto", "grpc_service.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={PROTO_DIR}");
    let mut descriptors = protox::compile(PROTO_FILES, [PROTO_DIR])?;

    tonic_prost_build::configure()
        // Clients bring their own transport, so that this crate depends on none.
        .build_transport(false)
        .bytes(".")
        .emit_rerun_if_changed(false)
        .compile_fds(descriptors.clone())?;

    // Apart from the others, since reflection tells clients of those.
    let otlp = protox::compile([OTLP_FILE], [PROTO_DIR])?;
    tonic_prost_build::configure()
        .build_client(false)
        .build_server(false)
        .bytes(".")
        .emit_rerun_if_changed(false)
        .compile_fds(otlp)?;

    // Comments served their purpose in the generated code.
    for file in &mut descriptors.file {
        file.source_code_info = None;
    }
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is set by cargo")?);
    fs::write(out_dir.join("inference.bin"), descriptors.encode_to_vec())?;
    Ok(())
}
