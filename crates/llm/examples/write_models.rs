//! Writes models with meaningless weights.
//!
//! `cargo run --release -p llm --example write_models -- tiny FOLDER` writes the tiny model of every
//! architecture, as a folder and as a GGUF file, which `tests/golden/tiny.py` asks for their answers.
//!
//! `cargo run --release -p llm --example write_models -- random-1.1b TOKENIZER.gguf OUT.gguf` writes a
//! Q4_0 model of TinyLlama's shape, with the tokenizer of another model, to measure speed with.
#![expect(clippy::print_stdout, reason = "a command-line tool")]

use std::{error::Error, fs, path::Path};

use llm::build::{LlamaShape, TinyModel, write_random_llama};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["tiny", folder] => write_tiny(Path::new(folder))?,
        ["random-1.1b", tokenizer, file] => {
            let shape = LlamaShape::TINY_LLAMA;
            write_random_llama(&shape, Path::new(tokenizer), Path::new(file))?;
            println!("{file}: {} MB", fs::metadata(file)?.len() / 1_000_000);
        }
        _ => println!("usage: write_models tiny FOLDER | random-1.1b TOKENIZER.gguf OUT.gguf"),
    }
    Ok(())
}

fn write_tiny(folder: &Path) -> Result<(), Box<dyn Error>> {
    for model in TinyModel::ALL {
        let own = folder.join(model.name());
        fs::create_dir_all(&own)?;
        model.write_folder(&own)?;
        model.write_gguf(&folder.join(format!("{}.gguf", model.name())))?;
        println!("{}", own.display());
    }
    Ok(())
}
