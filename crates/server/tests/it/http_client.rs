//! An HTTP/1.1 client that sends whatever bytes a test wants.

use std::{collections::BTreeMap, fmt::Write as _, io, net::SocketAddr, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// How long a test waits for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection.
pub(crate) struct Client {
    stream: TcpStream,
    /// Came in behind the last answer.
    left: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).await.unwrap()
    }

    pub(crate) async fn try_connect(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { stream: TcpStream::connect(address).await?, left: Vec::new() })
    }

    /// Sends bytes as they are.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await
    }

    /// Sends a whole request and reads its answer.
    pub(crate) async fn call(
        &mut self,
        head: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut text = format!("{head} HTTP/1.1\r\nhost: test\r\n");
        for (name, value) in headers {
            write!(text, "{name}: {value}\r\n").unwrap();
        }
        if !body.is_empty() {
            write!(text, "content-length: {}\r\n", body.len()).unwrap();
        }
        text.push_str("\r\n");
        self.send([text.as_bytes(), body].concat()).await.unwrap();
        self.answer().await
    }

    /// Reads an answer.
    pub(crate) async fn answer(&mut self) -> Answer {
        self.next_answer().await.expect("the server answers")
    }

    /// Reads an answer; nothing if the server closes instead.
    pub(crate) async fn next_answer(&mut self) -> Option<Answer> {
        let head_len = loop {
            if let Some(end) = self.left.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end;
            }
            if !self.fill().await {
                assert!(self.left.is_empty(), "the answer is cut off");
                return None;
            }
        };
        let mut answer = Answer::of_head(str::from_utf8(&self.left[..head_len]).unwrap());
        let body_len = answer.headers.get("content-length").map_or(0, |len| len.parse().unwrap());
        self.left.drain(..head_len + 4);
        if answer.header("transfer-encoding") == "chunked" {
            while let Some(chunk) = self.chunk().await {
                answer.body.extend(chunk);
            }
            return Some(answer);
        }
        while self.left.len() < body_len {
            assert!(self.fill().await, "the answer's body is cut off");
        }
        answer.body = self.left.drain(..body_len).collect();
        Some(answer)
    }

    /// Sends JSON and reads the answer.
    pub(crate) async fn post(&mut self, path: &str, body: &Value) -> Answer {
        let body = serde_json::to_vec(body).unwrap();
        self.call(&format!("POST {path}"), &[("content-type", "application/json")], &body).await
    }

    /// Whether the server closes the connection without another byte.
    pub(crate) async fn is_closed(&mut self) -> bool {
        self.left.is_empty() && !self.fill().await
    }

    /// Reads a chunk of a body; nothing at its end.
    pub(crate) async fn chunk(&mut self) -> Option<Vec<u8>> {
        let line_len = loop {
            if let Some(end) = self.left.windows(2).position(|bytes| bytes == b"\r\n") {
                break end;
            }
            assert!(self.fill().await, "the answer's body is cut off");
        };
        let line = str::from_utf8(&self.left[..line_len]).unwrap();
        let len = usize::from_str_radix(line, 16).unwrap();
        while self.left.len() < line_len + 2 + len + 2 {
            assert!(self.fill().await, "the answer's body is cut off");
        }
        let chunk = self.left[line_len + 2..line_len + 2 + len].to_vec();
        self.left.drain(..line_len + 2 + len + 2);
        (len > 0).then_some(chunk)
    }

    /// Reads the head of an answer whose body is a stream.
    pub(crate) async fn head(&mut self) -> Answer {
        let head_len = loop {
            if let Some(end) = self.left.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end;
            }
            assert!(self.fill().await, "the server answers");
        };
        let answer = Answer::of_head(str::from_utf8(&self.left[..head_len]).unwrap());
        self.left.drain(..head_len + 4);
        answer
    }

    async fn fill(&mut self) -> bool {
        let read = self.stream.read_buf(&mut self.left);
        let read = tokio::time::timeout(PATIENCE, read).await.expect("the server does something");
        // A reset is an end too.
        read.unwrap_or(0) > 0
    }
}

impl Answer {
    fn of_head(head: &str) -> Self {
        let (line, headers) = head.split_once("\r\n").unwrap_or((head, ""));
        let headers = headers.lines().map(|header| {
            let (name, value) = header.split_once(": ").unwrap();
            (name.to_ascii_lowercase(), value.to_owned())
        });
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, headers: headers.collect(), body: Vec::new() }
    }

    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The data of a stream's events, without the mark at its end.
    #[track_caller]
    pub(crate) fn events(&self) -> Vec<Value> {
        assert_eq!(self.header("content-type"), "text/event-stream; charset=utf-8");
        let data = self.text().lines().filter_map(|line| line.strip_prefix("data: "));
        data.filter(|data| *data != "[DONE]")
            .map(|data| serde_json::from_str(data).unwrap())
            .collect()
    }

    /// The message of an error.
    #[track_caller]
    pub(crate) fn error(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/json");
        self.json()["error"].as_str().unwrap().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// A request for the echo model: one row of numbers.
pub(crate) fn echo_json(values: &[f32]) -> String {
    format!(
        r#"{{"inputs":[{{"name":"INPUT","shape":[1,{}],"datatype":"FP32","data":{values:?}}}]}}"#,
        values.len()
    )
}

/// The same with binary data: the JSON and its length, and the whole body.
pub(crate) fn echo_binary(values: &[f32], parameters: &str) -> (String, Vec<u8>) {
    let json = format!(
        r#"{{"parameters":{{{parameters}}},"inputs":[{{"name":"INPUT","shape":[1,{}],"datatype":"FP32","parameters":{{"binary_data_size":{}}}}}]}}"#,
        values.len(),
        values.len() * 4
    );
    let mut body = json.clone().into_bytes();
    body.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    (json.len().to_string(), body)
}
