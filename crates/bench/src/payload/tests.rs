use super::{Input, Payload, Protocol, Random, Values, Wire};

fn payload() -> Payload {
    let mut payload = Payload::identity("m", &[1, 2], &mut Random(1));
    payload.inputs[0] = Input {
        name: "INPUT0".to_owned(),
        shape: vec![1, 2],
        values: Values::Fp32(vec![0.1, -3.5]),
    };
    payload
}

#[track_caller]
fn check_http(protocol: Protocol, expected: &[u8]) {
    let Wire::Http(bytes) = Wire::new(&payload(), protocol).unwrap() else {
        panic!("{protocol:?} is not HTTP");
    };
    assert_eq!(bytes.escape_ascii().to_string(), expected.escape_ascii().to_string());
}

#[test]
fn json_holds_the_shortest_decimals() {
    check_http(
        Protocol::Json,
        b"POST /v2/models/m/infer HTTP/1.1\r\nhost: 127.0.0.1\r\n\
          content-type: application/json\r\ncontent-length: 111\r\n\r\n\
          {\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[1,2],\"datatype\":\"FP32\",\"data\":[0.1,-3.5]}],\
          \"outputs\":[{\"name\":\"OUTPUT0\"}]}",
    );
}

#[test]
fn binary_tensors_follow_the_json() {
    check_http(
        Protocol::Binary,
        b"POST /v2/models/m/infer HTTP/1.1\r\nhost: 127.0.0.1\r\n\
          content-type: application/octet-stream\r\ninference-header-content-length: 163\r\n\
          content-length: 171\r\n\r\n\
          {\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[1,2],\"datatype\":\"FP32\",\
          \"parameters\":{\"binary_data_size\":8}}],\"outputs\":[{\"name\":\"OUTPUT0\",\"parameters\":{\"binary_data\":true}}]}\
          \xcd\xcc\xcc\x3d\x00\x00\x60\xc0",
    );
}

#[test]
fn random_numbers_repeat_and_stay_in_range() {
    let numbers = |seed| (0..1000).map(|_| Random(seed).signed_unit()).collect::<Vec<_>>();
    assert_eq!(numbers(7), numbers(7));
    let mut random = Random(7);
    let values: Vec<f32> = (0..10_000).map(|_| random.signed_unit()).collect();
    assert!(values.iter().all(|value| (-1.0..1.0).contains(value)));
    let mean = values.iter().sum::<f32>() / 10_000.0;
    assert!(mean.abs() < 0.05, "{mean}");
}

#[test]
fn arrivals_come_at_the_asked_rate() {
    let mut random = Random(3);
    let seconds: f64 = (0..100_000).map(|_| random.exponential_seconds(50.0)).sum();
    assert!((seconds - 2000.0).abs() < 40.0, "{seconds}");
}
