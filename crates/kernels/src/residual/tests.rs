use super::add;
use crate::Threads;

#[test]
fn adds_at_every_remainder() {
    for length in (0..40).chain([4095, 4096, 4097, 9001]) {
        let mut sums: Vec<f32> = (0..length).map(|index| index as f32).collect();
        let terms: Vec<f32> = (0..length).map(|index| 0.5 * index as f32).collect();
        add(&mut sums, &terms, &Threads::single());
        assert!(sums.iter().enumerate().all(|(index, sum)| *sum == 1.5 * index as f32), "{length}");
    }
}

#[test]
#[should_panic(expected = "as many terms as sums")]
fn refuses_other_terms() {
    add(&mut [0.0; 3], &[0.0; 4], &Threads::single());
}
