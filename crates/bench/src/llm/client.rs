//! A client of OpenAI's streamed completions: the same for every server, one connection per request.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::clock::now;

mod events;

use events::{Event, Events, Usage};

/// Bytes of an answer that are shown if it is an error.
const ERROR_BYTES: usize = 400;

/// One request: the same members for every server, all of which know them.
#[derive(Clone, Debug)]
pub(super) struct Prompt {
    /// The model's name at that server.
    pub(super) model: String,
    /// Tokens to continue: their number is exact, whatever the server's tokenizer adds to texts.
    pub(super) tokens: Vec<u32>,
    /// Tokens to generate, no fewer.
    pub(super) output_tokens: usize,
}

/// What a request brought, and when.
#[derive(Clone, Debug)]
pub(super) struct Streamed {
    /// When it was sent.
    pub(super) sent: Instant,
    /// When each piece of the answer came; a piece may hold more than one token.
    pub(super) pieces: Vec<Instant>,
    /// What the server counted.
    pub(super) usage: Usage,
}

impl Streamed {
    /// Time to the first piece.
    pub(super) fn time_to_first_token(&self) -> Option<Duration> {
        Some(*self.pieces.first()? - self.sent)
    }

    /// Time per token after the first.
    pub(super) fn time_per_output_token(&self) -> Option<Duration> {
        let after_first = u32::try_from(self.usage.completion_tokens).ok()?.checked_sub(1)?;
        let span = *self.pieces.last()? - *self.pieces.first()?;
        span.checked_div(after_first)
    }
}

impl Prompt {
    fn body(&self) -> Value {
        json!({
            "model": self.model,
            "prompt": self.tokens,
            "max_tokens": self.output_tokens,
            "temperature": 0,
            "ignore_eos": true,
            "stream": true,
            "stream_options": {"include_usage": true},
        })
    }
}

/// Sends the prompt and reads its whole answer; `on_piece` is told of each piece as it comes.
///
/// # Errors
///
/// The server refused, the answer broke off, or it has not as many tokens as were asked for.
pub(super) async fn stream(
    server: SocketAddr,
    prompt: &Prompt,
    mut on_piece: impl FnMut(Instant),
) -> Result<Streamed> {
    let sent = now();
    let mut answer = send(server, "/v1/completions", &prompt.body()).await?;
    let mut events = Events::default();
    let mut streamed = Streamed { sent, pieces: Vec::new(), usage: Usage::default() };
    while let Some(frame) = answer.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        let at = now();
        for event in events.push(&data)? {
            match event {
                Event::Piece => {
                    streamed.pieces.push(at);
                    on_piece(at);
                }
                Event::Usage(usage) => streamed.usage = usage,
                Event::Error(message) => bail!("the server broke off: {message}"),
                Event::Other => {}
            }
        }
    }
    let (asked, got) = (prompt.output_tokens, streamed.usage.completion_tokens);
    ensure!(got == asked as u64, "{asked} tokens were asked for and {got} came");
    ensure!(!streamed.pieces.is_empty(), "the answer has no pieces");
    Ok(streamed)
}

/// Posts a document and returns the one that answers it.
///
/// # Errors
///
/// The server refused, or its answer is no JSON.
pub(super) async fn post(server: SocketAddr, path: &str, document: &Value) -> Result<Value> {
    let answer = send(server, path, document).await?.collect().await?.to_bytes();
    Ok(serde_json::from_slice(&answer)?)
}

/// The name of the only model that the server has.
///
/// # Errors
///
/// It has none, or does not say.
pub(super) async fn model_name(server: SocketAddr) -> Result<String> {
    let request = Request::builder().uri("/v1/models").header(header::HOST, "127.0.0.1");
    let answer = call(server, request.body(Full::default())?).await?;
    let models: Value = serde_json::from_slice(&answer.collect().await?.to_bytes())?;
    let name = models["data"][0]["id"].as_str();
    Ok(name.with_context(|| format!("/v1/models names no model: {models}"))?.to_owned())
}

async fn send(server: SocketAddr, path: &str, document: &Value) -> Result<Incoming> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(header::HOST, "127.0.0.1")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(document.to_string())))?;
    call(server, request).await
}

async fn call(server: SocketAddr, request: Request<Full<Bytes>>) -> Result<Incoming> {
    let connection = TcpStream::connect(server).await?;
    connection.set_nodelay(true)?;
    let (mut sender, driver) =
        hyper::client::conn::http1::handshake(TokioIo::new(connection)).await?;
    // It ends with the connection, which ends with the answer or when that is dropped.
    tokio::spawn(driver);
    let what = format!("{} {}", request.method(), request.uri());
    let answer = sender.send_request(request).await.with_context(|| what.clone())?;
    if answer.status().is_success() {
        return Ok(answer.into_body());
    }
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    let shown = String::from_utf8_lossy(&body[..body.len().min(ERROR_BYTES)]).into_owned();
    bail!("{what}: {status}: {shown}")
}
