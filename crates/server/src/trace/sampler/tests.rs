use super::Sampler;
use crate::trace::settings::{Settings, TraceLevel, TraceMode};

fn sampler(rate: u32, count: i32) -> Sampler {
    Sampler::new(Settings {
        level: TraceLevel::TIMESTAMPS,
        rate,
        count,
        log_frequency: 0,
        mode: TraceMode::Triton,
    })
}

fn taken(sampler: &Sampler, requests: usize) -> Vec<usize> {
    (1..=requests).filter(|_| sampler.takes(false)).collect()
}

#[test]
fn every_nth_is_taken() {
    assert_eq!(taken(&sampler(3, -1), 10), [3, 6, 9]);
    assert_eq!(taken(&sampler(1, -1), 3), [1, 2, 3]);
}

#[test]
fn the_count_ends_it_also_for_those_that_have_to_be() {
    let sampler = sampler(2, 2);
    assert_eq!(taken(&sampler, 3), [2]);
    assert!(sampler.takes(true));
    assert_eq!((sampler.left(), sampler.is_on()), (0, false));
    assert!(taken(&sampler, 10).is_empty() && !sampler.takes(true));
}

#[test]
fn those_that_have_to_be_do_not_count_among_the_others() {
    let sampler = sampler(2, -1);
    assert!(sampler.takes(true) && sampler.takes(true));
    assert_eq!(taken(&sampler, 4), [2, 4]);
}

#[test]
fn nothing_is_taken_while_it_is_off() {
    let off = Settings { level: TraceLevel::OFF, ..sampler(1, -1).settings };
    assert!(!Sampler::new(off).takes(true) && !Sampler::new(off).is_on());
    assert!(!sampler(0, -1).takes(true));
}
