use anyhow::Result;
use loadgen::Random;

use super::{Contestant, Plan, interleave};
use crate::{
    payload::{Input, Payload, Values},
    plain::PlainLoop,
    report,
    repository::{Repositories, minilm as minilm_model},
    results::Cell,
};

/// Tokens of the sentence.
const TOKENS: usize = 128;

/// Ids in MiniLM's vocabulary that are whole words or pieces.
const WORD_IDS: std::ops::Range<u64> = 1996..30522;

/// Embeddings have length 1; servers differ from the loop by the rounding of another batch size.
const TOLERANCE: f32 = 1e-4;

/// Windows are longer here, since a request takes tens of milliseconds.
const WINDOW_FACTOR: u32 = 2;

/// Rounds; what takes milliseconds varies less.
const ROUNDS_MAX: usize = 3;

/// Name of the loop in tables.
pub(crate) const PLAIN: &str = "onnxruntime in a loop";

/// A real model that is all compute: is anything lost against the engine alone?
pub(crate) fn minilm(plan: &Plan) -> Result<Vec<Cell>> {
    report::progress(&format!("minilm, {TOKENS} tokens, FP32"));
    let plan = &Plan { rounds: plan.rounds.min(ROUNDS_MAX), ..plan.clone() };
    let (model, places) = (minilm_model(), &plan.places);
    let (name, output, inputs) = (model.name, "sentence_embedding", inputs(plan.seed)?);
    let folder = tempfile::tempdir_in(&places.work)?;
    let repositories =
        Repositories::write(&[model], &plan.models, places, folder.path(), places.instances)?;
    let file = repositories.onnx.join(name).join("1/model.onnx");
    let (mut plain, values) = PlainLoop::start(places, &file, &inputs, output)?;
    let payload = Payload::new(name, inputs, output, (values, TOLERANCE));
    let servers = plan.start(&repositories, false);
    let mut cells = Vec::new();
    for protocol in &plan.protocols {
        for connections in &plan.connections {
            let load = plan.load(*connections, plan.window * WINDOW_FACTOR);
            let threads = (*connections).min(places.instances);
            let mut contestants = vec![Contestant {
                title: PLAIN,
                rounds: plan.rounds,
                measure: Box::new(|| plain.measure(threads, load.window)),
            }];
            contestants.extend(plan.contestants(&servers, &payload, *protocol, load));
            cells.extend(interleave(contestants, (name, *protocol, *connections)));
        }
    }
    Ok(cells)
}

fn inputs(seed: u64) -> Result<Vec<Input>> {
    let mut random = Random::new(seed);
    let words = WORD_IDS.end - WORD_IDS.start;
    let ids = (0..TOKENS).map(|_| i64::try_from(WORD_IDS.start + random.bits() % words));
    let ids: Vec<i64> = ids.collect::<Result<_, _>>()?;
    let input = |name: &str, ids: Vec<i64>| Input {
        name: name.to_owned(),
        shape: vec![1, TOKENS],
        values: Values::Int64(ids),
    };
    Ok(vec![
        input("input_ids", ids),
        input("attention_mask", vec![1; TOKENS]),
        input("token_type_ids", vec![0; TOKENS]),
    ])
}
