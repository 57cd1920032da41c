use loadgen::*;
use std::time::Duration;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (kind, url, load) = (&args[1], &args[2], &args[3]);
    let secs: f64 = args[4].parse().unwrap();
    let target = Target::parse(url, false).unwrap();
    let protocol = if kind == "chat" { Protocol::OpenAiChat } else { Protocol::Http };
    let requests = if kind == "chat" {
        let r = OpenAiRequest {
            model: "scripted".into(),
            messages: vec![ChatMessage {
                role: "user".into(),
                content: "tell me a story of the sea".into(),
            }],
            output_tokens: Some(64),
            stream: true,
            extra: Default::default(),
        };
        vec![r.build(protocol, &target.endpoint).unwrap()]
    } else {
        let m = ModelMetadata {
            name: "stalling".into(),
            inputs: vec![TensorMetadata {
                name: "INPUT0".into(),
                datatype: "FP32".into(),
                shape: vec![1, 1],
            }],
            outputs: vec![],
        };
        vec![
            random_request(&m, &TensorOptions::default())
                .unwrap()
                .build(protocol, &target.endpoint)
                .unwrap(),
        ]
    };
    let plan_load = match load.strip_prefix("rate=") {
        Some(rate) => Load::Open { rate: rate.parse().unwrap(), arrivals: Arrivals::Constant },
        None => Load::Closed { callers: load.parse().unwrap() },
    };
    let mut plan = Plan::new(plan_load.clone());
    plan.duration = Duration::from_secs_f64(secs);
    plan.warm_up.warm_up_max = Duration::ZERO;
    let workload = Workload { address: target.address, protocol, requests, conversation: None };
    let recording = measure(&workload, &plan, &mut ()).unwrap();
    let level = plan_load.level();
    let mut summary = Summary::of(Measurement {
        mode: level.mode,
        slices: &recording.slices,
        objective: None,
        stability: recording.stability.clone(),
        generator: GeneratorReading {
            threads: recording.threads,
            busiest_cpu: recording.busiest_cpu,
        },
        server: None,
        stages: None,
    });
    if let Some(stall) = &recording.stall {
        summary.generator.warnings.push(stall.clone());
    }
    explain(&mut summary, &level, &ServerLimits::default());
    let t = TargetResult {
        label: "m".into(),
        url: url.clone(),
        protocol: protocol.name().into(),
        model: "m".into(),
        levels: vec![LevelResult { load: level, round: 0, summary }],
        knee: None,
    };
    let d = ResultDocument { schema: SCHEMA.into(), targets: vec![t], ..Default::default() };
    write_table(&d, Colours::Off, &mut std::io::stdout()).unwrap();
    write_html(&d, &mut std::fs::File::create("/tmp/shots/real.html").unwrap()).unwrap();
}
