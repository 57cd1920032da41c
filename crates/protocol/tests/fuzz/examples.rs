//! What mutations start from: a little of everything that is allowed.

pub(crate) fn infer_requests() -> Vec<Vec<u8>> {
    let whole = [
        r#"{"id":"a","inputs":[{"name":"x","shape":[2,2],"datatype":"FP32","data":[[1,-2.5],[3e-3,0.10000000149011612]]}]}"#,
        r#"{"inputs":[{"data":["a","","\u00e9\ud83d\ude00"],"datatype":"BYTES","shape":[3],"name":"s"}],"outputs":[{"name":"y"}]}"#,
        r#"{"inputs":[{"name":"b","shape":[1,2],"datatype":"BOOL","data":[true,0]},{"name":"i","shape":[1],"datatype":"INT64","data":[-9223372036854775808]}]}"#,
        r#"{"parameters":{"priority":1,"timeout":5,"p":0.5,"q":true,"r":"s","t":18446744073709551615,"binary_data_output":true},"inputs":[]}"#,
        r#"{"inputs":[{"name":"f","shape":[4],"datatype":"FP64","data":[NaN,-Infinity,1.7976931348623157e308,5e-324]},{"name":"u","shape":[0],"datatype":"UINT8","data":[]}],"x":{"y":[null,{"z":[]}]}}"#,
    ];
    let with_binary: [(&str, &[u8]); 2] = [
        (
            r#"{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP16","parameters":{"binary_data_size":4}},{"name":"y","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":5}}]}"#,
            b"\x00\x3c\x00\xbc\x01\0\0\0\xff",
        ),
        (
            r#"{"inputs":[{"name":"x","shape":[],"datatype":"FP32","parameters":{"binary_data_size":4}}],"outputs":[{"name":"y","parameters":{"binary_data":true,"classification":2}}]}"#,
            b"\x00\x00\xc0\x7f",
        ),
    ];
    let whole = whole.into_iter().map(|json| request(u16::MAX, json, b""));
    let with_binary = with_binary
        .into_iter()
        .map(|(json, binary)| request(u16::try_from(json.len()).unwrap(), json, binary));
    whole.chain(with_binary).collect()
}

fn request(length: u16, json: &str, binary: &[u8]) -> Vec<u8> {
    [&length.to_le_bytes(), json.as_bytes(), binary].concat()
}

pub(crate) fn documents() -> Vec<Vec<u8>> {
    [
        r#"{"ready":true}"#,
        r#"{"parameters":{"config":"{\"max_batch_size\":4}","file:1/model.onnx":"AAEC"}}"#,
        r#"{"parameters":{"unload_dependents":true}}"#,
        r#"{"log_info":true,"log_verbose_level":1,"log_format":"default"}"#,
    ]
    .map(|json| json.as_bytes().to_vec())
    .to_vec()
}

pub(crate) fn model_configs() -> Vec<Vec<u8>> {
    [
        r#"name: "m" platform: 'onnxruntime_onnx' max_batch_size: 0x8 # a comment
           input [ { name: "x" data_type: TYPE_FP32 dims: [ -1, 3 ] }, { name: "y" "z" data_type: 13; dims: 1 } ]
           dynamic_batching { preferred_batch_size: [ 4, 8 ], priority_queue_policy < key: 1 value: { max_queue_size: 3 } > }
           parameters { key: "k" value { string_value: "\x41\102\u00e9\n" } }"#,
        r#"sequence_batching { oldest { max_candidate_sequences: 4 } control_input { control { kind: CONTROL_SEQUENCE_START fp32_false_true: [ -.5, 1e3f, inf ] } } }
           model_metrics { metric_control { histogram_options { buckets: [ 1, 2.5, nan ] } } }
           version_policy: { specific: { versions: [ 1, 9223372036854775807 ] } }"#,
        r#"{"name":"m","maxBatchSize":"4","input":[{"name":"x","dataType":"TYPE_FP16","dims":["1",2]}],"parameters":{"p":{"string_value":"v"}},"dynamic_batching":{"priority_queue_policy":{"2":{"timeout_action":"DELAY"}}}}"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

pub(crate) fn openai_requests() -> Vec<Vec<u8>> {
    [
        r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a\u00e9"}]},{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f","arguments":"{\"x\":1}"}}]}],"temperature":0.5,"top_k":-1,"n":2,"stop":["x"],"logit_bias":{"5":-1.5},"seed":-3}"#,
        r#"{"messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{"name":"f","parameters":{}}}],"tool_choice":{"type":"function","function":{"name":"f"}},"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}},"stream":true,"stream_options":{"include_usage":true}}"#,
        r#"{"prompt":[[1,2],[3]],"max_tokens":0,"echo":true,"logprobs":1,"structured_outputs":{"choice":["a"]},"user":null}"#,
        r#"{"input":[{"type":"function_call_output","call_id":"c","output":"1"},{"role":"user","content":"a"}],"text":{"format":{"type":"json_object"}},"max_output_tokens":5}"#,
        r#"{"max_tokens":5,"system":"s","messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"1"}]}],"tools":[{"name":"f","input_schema":{}}],"tool_choice":{"type":"any"}}"#,
        r#"{"text_input":"a","parameters":{"max_tokens":3},"input":[[1,2],[3,4]],"tokens":[1,2]}"#,
    ]
    .map(|json| json.as_bytes().to_vec())
    .to_vec()
}
