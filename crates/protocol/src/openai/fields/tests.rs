use super::Fields;

#[track_caller]
fn check_broken(body: &[u8], param: &str) {
    let fault = Fields::read(body).unwrap_err();
    assert_eq!(fault.param, param, "{fault}");
}

#[test]
fn broken_json_names_the_field_that_it_is_in() {
    check_broken(b"", "");
    check_broken(b"[]", "");
    check_broken(br#"{"model":"m","temperature":NaN}"#, "temperature");
    check_broken(br#"{"model":"m","a":{"b":[1,2,"x,y"]},"top_p":-Infinity,"n":1}"#, "top_p");
    check_broken(b"{\n  \"n\": 1,\n  \"prompt\": \"a\xff\"\n}", "prompt");
    check_broken(br#"{"prompt":"\ud800"}"#, "prompt");
    check_broken(br#"{"temperature":1e999}"#, "temperature");
    check_broken(br#"{"n":1"#, "n");
    check_broken(br#"{"n":1,}"#, "");
}

#[track_caller]
fn check_fault<T: std::fmt::Debug>(taken: Result<T, super::RequestFault>, message: &str) {
    assert_eq!(taken.unwrap_err().message, message);
}

#[test]
fn wrong_values_name_their_field_and_what_it_takes() {
    let body = br#"{"a":-1,"b":"x","c":3,"d":1.5,"e":[1],"f":{"g":true}}"#;
    let mut fields = Fields::read(body).unwrap();
    check_fault(fields.number("a", 0.0..=2.0), "`a` must be a number from 0 to 2, not -1");
    check_fault(fields.flag("b"), "`b` must be true or false");
    check_fault(fields.string("c"), "`c` must be a string");
    check_fault(fields.count("d", 0..=9), "`d` must be a whole number from 0 to 9, not 1.5");
    check_fault(fields.list("e", 9, super::text), "`e[0]` must be a string");
    let mut inner = fields.object("f").unwrap().unwrap();
    check_fault(
        inner.count("g", 1..=2),
        "`f.g` must be a whole number from 1 to 2, not a truth value",
    );
}

#[test]
fn null_is_absent_and_what_is_left_over_is_refused() {
    let mut fields = Fields::read(br#"{"a":null,"b":null,"user":"u","z":1}"#).unwrap();
    assert_eq!(fields.string("a").unwrap(), None);
    fields.ignore(&["user"]);
    let fault = fields.finish().unwrap_err();
    assert_eq!((&*fault.param, fault.code), ("z", Some("unknown_parameter")));
}
