use smallvec::smallvec;

use super::{CompletionDialect, Echo};
use crate::openai::{
    AnswerHead, Dialect as _, Finish, GenerationFields, Piece, Step, StopCause, Usage,
};

#[test]
fn each_choice_begins_with_its_own_prompt() {
    let echo = Echo { texts: vec!["P".to_owned(), "Q".to_owned()], alone: false };
    let fields = GenerationFields { choices: 2, ..GenerationFields::default() };
    let mut dialect = CompletionDialect::new(AnswerHead::default(), &fields, 2, echo);
    let mut texts = Vec::new();
    for choice in [0, 1, 2, 3, 0] {
        let step = Step {
            choice,
            pieces: smallvec![Piece::Text("a".to_owned())],
            finish: Some(Finish { cause: StopCause::Length, has_calls: false }),
            ..Step::default()
        };
        let mut out = Vec::new();
        dialect.step(&mut out, &step, &Usage::default());
        let event: serde_json::Value = serde_json::from_slice(&out["data: ".len()..]).unwrap();
        texts.push(event["choices"][0]["text"].as_str().unwrap().to_owned());
    }
    assert_eq!(texts, ["Pa", "Pa", "Qa", "Qa", "a"]);
}
