use crate::{FailureKind, answer::ServerTiming, client::CallError};

/// Headers that are looked at; answers with more are refused.
const HEADERS_MAX: usize = 64;

/// What matters of an HTTP answer's head.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Head {
    /// Bytes of the head with its empty line.
    pub(crate) bytes: usize,
    pub(crate) status: u16,
    pub(crate) framing: Framing,
    /// The server closes the connection behind the answer.
    pub(crate) closes: bool,
    /// Bytes of JSON in front of binary tensors.
    pub(crate) inference_header_bytes: Option<usize>,
    pub(crate) timing: Option<ServerTiming>,
}

/// Where the body ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(usize),
    Chunked,
    /// With the connection.
    #[default]
    Close,
}

impl Framing {
    /// The body out of all bytes behind the head; `None` if it is cut off.
    pub(crate) fn unframe(self, bytes: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Length(length) => bytes.get(..length).map(<[u8]>::to_vec),
            Self::Close => Some(bytes.to_vec()),
            Self::Chunked => unchunk(bytes),
        }
    }
}

fn unchunk(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
        let line = std::str::from_utf8(&bytes[..end]).ok()?;
        let size = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        let rest = &bytes[end + 2..];
        body.extend_from_slice(rest.get(..size)?);
        bytes = rest.get(size + 2..)?;
    }
}

impl Head {
    /// Reads a head; `None` if it is not whole yet.
    pub(crate) fn parse(read: &[u8]) -> Result<Option<Self>, CallError> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        let parsed = response.parse(read).map_err(|error| {
            CallError::new(FailureKind::Transport, format!("no HTTP answer: {error}"))
        })?;
        let httparse::Status::Complete(bytes) = parsed else { return Ok(None) };
        let status = response.code.unwrap_or_default();
        let closes = response.version == Some(0);
        let mut head = Self { bytes, status, closes, ..Self::default() };
        for header in response.headers.iter() {
            head.take(header.name, header.value)?;
        }
        if matches!(status, 100..=199 | 204 | 304) {
            head.framing = Framing::Length(0);
        }
        Ok(Some(head))
    }

    fn take(&mut self, name: &str, value: &[u8]) -> Result<(), CallError> {
        // Lengths first: most names are told apart by theirs.
        match name.len() {
            14 if name.eq_ignore_ascii_case("content-length")
                && self.framing != Framing::Chunked =>
            {
                self.framing = Framing::Length(number(name, value)?);
            }
            17 if name.eq_ignore_ascii_case("transfer-encoding")
                && value.to_ascii_lowercase().ends_with(b"chunked") =>
            {
                self.framing = Framing::Chunked;
            }
            10 if name.eq_ignore_ascii_case("connection") => {
                self.closes |= value.eq_ignore_ascii_case(b"close");
            }
            31 if name.eq_ignore_ascii_case("inference-header-content-length") => {
                self.inference_header_bytes = Some(number(name, value)?);
            }
            13 if name.eq_ignore_ascii_case("server-timing") => {
                self.timing = std::str::from_utf8(value).ok().and_then(ServerTiming::parse);
            }
            _ => {}
        }
        Ok(())
    }
}

fn number(name: &str, value: &[u8]) -> Result<usize, CallError> {
    let digits = std::str::from_utf8(value).ok().and_then(|text| text.trim().parse().ok());
    digits.ok_or_else(|| {
        let value = String::from_utf8_lossy(value);
        CallError::new(FailureKind::Transport, format!("the answer's {name} is {value:?}"))
    })
}

#[cfg(test)]
mod tests;
