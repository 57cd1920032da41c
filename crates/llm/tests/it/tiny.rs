//! The same tiny model as a folder and as a GGUF file.

use std::fs;

use llm::{
    Architecture, Checkpoint, Hyperparameters, LayerTensor, RopeScaling, RopeStyle, TensorName,
    build::TinyModel,
};
use tempfile::TempDir;

struct Both {
    folder: Checkpoint,
    gguf: Checkpoint,
    /// They are read as long as they are needed.
    files: TempDir,
}

fn both(model: TinyModel) -> Both {
    let files = tempfile::tempdir().unwrap();
    let (folder, file) = (files.path().join("folder"), files.path().join("model.gguf"));
    fs::create_dir(&folder).unwrap();
    model.write_folder(&folder).unwrap();
    model.write_gguf(&file).unwrap();
    let (folder, gguf) = (Checkpoint::open(&folder).unwrap(), Checkpoint::open(&file).unwrap());
    Both { folder, gguf, files }
}

#[test]
fn both_forms_tell_the_same_sizes() {
    for model in TinyModel::ALL {
        let Both { folder, gguf, .. } = both(model);
        let (folder, gguf) = (folder.hyperparameters(), gguf.hyperparameters());
        for layer in 0..folder.layers {
            let pairs =
                folder.rope_frequencies(layer).into_iter().zip(gguf.rope_frequencies(layer));
            for (from_folder, from_gguf) in pairs {
                assert!((from_folder / from_gguf - 1.0).abs() < 1e-6, "{model:?}");
            }
            assert_eq!(folder.attention_window(layer), gguf.attention_window(layer), "{model:?}");
        }
        let neutral = |parameters: &Hyperparameters| {
            let mut parameters = parameters.clone();
            parameters.rope.style = RopeStyle::HalfSplit;
            parameters.rope.scaling = RopeScaling::None;
            parameters
        };
        assert_eq!(neutral(folder), neutral(gguf), "{model:?}");
    }
}

#[test]
fn both_forms_have_the_same_values() {
    for model in TinyModel::ALL {
        let Both { folder, gguf, .. } = both(model);
        for name in names(folder.hyperparameters()) {
            assert_eq!(folder.has(name), gguf.has(name), "{model:?} {name:?}");
            if folder.has(name) {
                let expected = folder.vector(name).unwrap();
                assert_eq!(half_split(&gguf, name), expected, "{model:?} {name:?}");
            }
        }
    }
}

/// Queries and keys in the order of folders.
fn half_split(gguf: &Checkpoint, name: TensorName) -> Vec<f32> {
    let values = gguf.vector(name).unwrap();
    let model = gguf.hyperparameters();
    let rotated = matches!(name, TensorName::Layer(_, LayerTensor::Query | LayerTensor::Key));
    if model.rope.style == RopeStyle::HalfSplit || !rotated {
        return values;
    }
    let rows: Vec<&[f32]> = values.chunks(model.hidden).collect();
    let heads = rows.chunks(model.head_dim);
    let evens_then_odds = |head: &[&[f32]]| {
        let (even, odd) = (head.iter().step_by(2), head.iter().skip(1).step_by(2));
        even.chain(odd).copied().flatten().copied().collect::<Vec<_>>()
    };
    heads.flat_map(evens_then_odds).collect()
}

fn names(model: &Hyperparameters) -> Vec<TensorName> {
    let of_layer = [
        LayerTensor::AttentionNorm,
        LayerTensor::Query,
        LayerTensor::Key,
        LayerTensor::Value,
        LayerTensor::QueryBias,
        LayerTensor::KeyBias,
        LayerTensor::ValueBias,
        LayerTensor::QueryNorm,
        LayerTensor::KeyNorm,
        LayerTensor::AttentionOutput,
        LayerTensor::PostAttentionNorm,
        LayerTensor::FeedForwardNorm,
        LayerTensor::Gate,
        LayerTensor::Up,
        LayerTensor::Down,
        LayerTensor::PostFeedForwardNorm,
    ];
    let layers =
        (0..model.layers).flat_map(|layer| of_layer.map(|of| TensorName::Layer(layer, of)));
    let outer = [TensorName::Embedding, TensorName::OutputNorm, TensorName::Output];
    outer.into_iter().chain(layers).collect()
}

#[test]
fn both_forms_tokenise_alike() {
    let Both { folder, gguf, files } = both(TinyModel::Llama);
    let (first, second) = (folder.tokenizer().unwrap(), gguf.tokenizer().unwrap());
    for text in ["the hé", "a<|eos|>he", "", "\u{0}\u{7f}\u{a0}\u{ad}\u{1F600}"] {
        for special in [false, true] {
            let ids = first.encode(text, true, special).unwrap();
            assert_eq!(second.encode(text, true, special).unwrap(), ids, "{text:?}");
            assert_eq!(first.decode(&ids, false), text);
        }
    }
    // As `transformers` has it.
    let ids = first.encode("the hé<|eos|>", true, true).unwrap();
    assert_eq!(ids, [116, 258, 32, 104, 195, 169, 257]);
    assert_eq!((first.eos_ids(), second.eos_ids()), (&[257][..], &[257][..]));
    assert_eq!(first.special_texts(), second.special_texts());
    assert_eq!(folder.chat_template().unwrap(), gguf.chat_template().unwrap());
    drop(files);
}

#[test]
fn families_differ_where_they_should() {
    let parameters = |model| both(model).gguf.hyperparameters().clone();
    let gemma = parameters(TinyModel::Gemma3);
    assert_eq!(gemma.architecture, Architecture::Gemma3);
    let windows: Vec<_> = (0..7).map(|layer| gemma.attention_window(layer)).collect();
    assert_eq!(windows, [Some(8), Some(8), Some(8), Some(8), Some(8), None, Some(8)]);
    assert_eq!((gemma.embedding_scale, gemma.final_softcap), (8.0, Some(20.0)));
    assert!(gemma.post_norms && gemma.query_key_norms && gemma.tied_embeddings);
    assert!(parameters(TinyModel::Qwen2).qkv_bias);
    assert!(parameters(TinyModel::Qwen3).query_key_norms);
    assert_eq!(parameters(TinyModel::Llama).rope.style, RopeStyle::Interleaved);
}
