use super::{Better, Board, Place};
use crate::llm::Part;

const PART: Part = Part::Engine;

fn board(what: &str, better: Better, values: &[(&str, &[f64])]) -> Board {
    let mut board = Board::default();
    for (subject, rounds) in values {
        for (round, value) in rounds.iter().enumerate() {
            board.add(Place { part: PART, subject, round }, what, better, *value);
        }
    }
    board
}

#[track_caller]
fn check_ratio(better: Better, values: &[(&str, &[f64])], expected: Option<f64>) {
    let board = board("speed", better, values);
    assert_eq!(board.ratio(PART, "speed"), expected);
    assert_eq!(board.ratio(PART, "another"), None);
    assert_eq!(board.ratio(Part::Http, "speed"), None);
}

#[test]
fn ratios_are_to_the_best_peer_round_by_round() {
    let slow: &[f64] = &[10.0, 10.0, 10.0];
    let fast: &[f64] = &[20.0, 40.0, 20.0];
    let hone: &[f64] = &[40.0, 40.0, 60.0];
    check_ratio(
        Better::Higher,
        &[("Hone Q4_1", hone), ("llama.cpp Q4_1", slow), ("llama.cpp Q4_0", fast)],
        Some(2.0),
    );
    check_ratio(
        Better::Lower,
        &[("Hone Q4_1", hone), ("llama.cpp Q4_1", slow), ("llama.cpp Q4_0", fast)],
        Some(4.0),
    );
}

#[test]
fn only_rounds_that_both_have_are_compared() {
    check_ratio(Better::Higher, &[("Hone", &[30.0, 90.0]), ("other", &[10.0])], Some(3.0));
}

#[test]
fn nothing_is_compared_with_nobody() {
    check_ratio(Better::Higher, &[("Hone", &[30.0])], None);
    check_ratio(Better::Higher, &[("other", &[30.0])], None);
    check_ratio(Better::Higher, &[("Hone", &[30.0]), ("other", &[0.0])], None);
}

#[test]
fn a_command_is_written_down_once() {
    let mut board = Board::default();
    let place = Place { part: PART, subject: "Hone", round: 0 };
    board.made(place, "first".to_owned());
    board.made(Place { round: 1, ..place }, "second".to_owned());
    assert_eq!(board.made.len(), 1);
    board.made(Place { part: Part::Http, ..place }, "second".to_owned());
    assert_eq!(board.made.len(), 2);
}

#[test]
fn what_is_left_out_is_said_once() {
    let mut board = Board::default();
    board.leave_out("vLLM");
    board.leave_out("vLLM");
    assert_eq!(board.left_out, ["vLLM"]);
    board.leave_out("it ended; its log ends:\nstarting\n\nno memory\n");
    assert_eq!(board.left_out[1], "it ended; its log ends: no memory");
}
