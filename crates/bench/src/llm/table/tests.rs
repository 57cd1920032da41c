use super::{Board, Part, number, part_table};
use crate::llm::board::{Better, Place};

#[test]
fn a_line_has_everybody_and_the_ratio_to_the_best() {
    let mut board = Board::default();
    for (subject, value) in
        [("Hone Q4_1", 300.0), ("llama.cpp Q4_1", 50.0), ("llama.cpp Q4_0", 100.0)]
    {
        let place = Place { part: Part::Engine, subject, round: 0 };
        board.add(place, "prefill 512, tok/s", Better::Higher, value);
        board.made(place, format!("{subject} --run"));
    }
    let place = Place { part: Part::Engine, subject: "llama.cpp Q4_0", round: 0 };
    board.add(place, "decode batch 1, tok/s", Better::Higher, 12.345);
    let expected = "\
| | Hone Q4_1 | llama.cpp Q4_1 | llama.cpp Q4_0 | Hone / best |
|---|--:|--:|--:|--:|
| prefill 512, tok/s | 300 | 50.0 | 100 | 3.00x |
| decode batch 1, tok/s |  |  | 12.3 |  |

- Hone Q4_1 (1 round): `Hone Q4_1 --run`
- llama.cpp Q4_1 (1 round): `llama.cpp Q4_1 --run`
- llama.cpp Q4_0 (1 round): `llama.cpp Q4_0 --run`
";
    assert_eq!(part_table(&board, Part::Engine), expected);
    assert_eq!(part_table(&board, Part::Http), "");
}

#[track_caller]
fn check_number(value: f64, expected: &str) {
    assert_eq!(number(value), expected);
}

#[test]
fn numbers_have_three_digits() {
    check_number(1234.5, "1234");
    check_number(99.96, "100.0");
    check_number(12.345, "12.3");
    check_number(0.1234, "0.12");
    check_number(-250.0, "-250");
}
