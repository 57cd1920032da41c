use clap::Parser;

use super::{Port, Settings};
use crate::cli::{Cli, Command};

fn settings(arguments: &[&str]) -> Settings {
    let all = ["hone", "serve"].iter().chain(arguments);
    match Cli::try_parse_from(all).unwrap().command {
        Command::Serve(args) => args.settings,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_port_may_be_off() {
    assert_eq!(settings(&["--http-port", "off"]).http_port, Some(Port(None)));
    assert_eq!(settings(&["--http-port", "0"]).http_port, Some(Port(Some(0))));
    assert!(Cli::try_parse_from(["hone", "serve", "--http-port", "70000"]).is_err());
}

#[test]
fn the_file_has_the_flags_names() {
    let file: Settings =
        toml::from_str("http-port = 9000\ngrpc-port = \"off\"\nmode = \"latency\"").unwrap();
    assert_eq!((file.http_port, file.grpc_port), (Some(Port(Some(9000))), Some(Port(None))));
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let error = toml::from_str::<Settings>("http-port = 1\nhttp-prot = 2").unwrap_err();
    let text = error.to_string();
    assert!(text.contains("line 2") && text.contains("http-prot"), "{text}");
}

#[test]
fn the_control_token_is_taken_checked_and_never_shown() {
    use crate::config::Config;

    let given = settings(&["--control-token", "correct-horse", "models"]);
    assert!(!format!("{given:?}").contains("horse"));
    let with_paths = Settings { paths: Some(vec!["models".into()]), ..given.clone() };
    let config = Config::new(with_paths).unwrap();
    assert!(config.control_token.is_some());
    assert!(!toml::to_string(&config).unwrap().contains("horse"));
    let short = Settings { control_token: Some("short".parse().unwrap()), ..given };
    let error = Config::new(short).unwrap_err().to_string();
    assert_eq!(error, "control-token has 5 characters; give at least 8");
}
