//! The engine in a loop without a server: what no server with the same engine can be faster than
//! by anything but scheduling.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    payload::{Input, Values},
    results::Sample,
    server::Places,
};

/// A Python process that runs one model on one request, over and over when told to.
#[derive(Debug)]
pub(crate) struct PlainLoop {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

#[derive(Serialize)]
struct Feed<'a> {
    datatype: &'a str,
    shape: &'a [usize],
    data: &'a Values,
}

impl PlainLoop {
    /// Starts it and returns what the model makes of the inputs: what is expected of every server.
    pub(crate) fn start(
        places: &Places,
        model: &Path,
        inputs: &[Input],
        output: &str,
    ) -> Result<(Self, Vec<f32>)> {
        let feed = places.work.join("feed.json");
        fs::write(&feed, feed_json(inputs)?)?;
        let log = File::create(places.work.join("plain.log"))?;
        let mut child = Command::new(places.venv.join("bin/python"))
            .arg(places.peers.join("plain_onnxruntime.py"))
            .args([model, &feed])
            .arg(output)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("the peers' Python environment is missing")?;
        let commands = child.stdin.take().context("its input is a pipe")?;
        let answers = BufReader::new(child.stdout.take().context("its output is a pipe")?);
        let mut plain = Self { child, commands, answers };
        let values = plain.read().context("onnxruntime could not run the model; see plain.log")?;
        Ok((plain, values))
    }

    /// Runs the model in `threads` threads.
    pub(crate) fn measure(&mut self, threads: usize, window: Duration) -> Result<Sample> {
        writeln!(self.commands, "{threads} {}", window.as_secs_f64())?;
        self.read()
    }

    fn read<T: DeserializeOwned>(&mut self) -> Result<T> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for PlainLoop {
    fn drop(&mut self) {
        // It may already have ended with the pipe.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn feed_json(inputs: &[Input]) -> Result<String> {
    let feeds: BTreeMap<&str, Feed<'_>> =
        inputs.iter().map(|input| (&*input.name, feed(input))).collect();
    Ok(serde_json::to_string(&feeds)?)
}

fn feed(input: &Input) -> Feed<'_> {
    Feed { datatype: input.values.data_type().name(), shape: &input.shape, data: &input.values }
}
