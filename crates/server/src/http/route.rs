//! The paths of the API.

use std::borrow::Cow;

use http::Method;

use super::{openai::Endpoint, refusal::Refusal};
use crate::dashboard::ModelKey;

/// What a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    ServerLive,
    ServerReady,
    ServerMetadata,
    /// Something about a model; no version is the newest one.
    Model {
        name: Cow<'a, str>,
        version: &'a str,
        call: ModelCall,
    },
    /// Text from a model, in the form of the generate extension.
    Generate {
        name: Cow<'a, str>,
        version: &'a str,
        is_streamed: bool,
    },
    /// OpenAI's API, and what goes with it.
    OpenAi(Endpoint),
    /// Statistics of every model.
    AllStatistics,
    RepositoryIndex {
        repository: &'a str,
    },
    Load {
        repository: &'a str,
        name: Cow<'a, str>,
    },
    Unload {
        repository: &'a str,
        name: Cow<'a, str>,
    },
    ShowLogging,
    ChangeLogging,
    /// A file of the dashboard.
    DashboardFile {
        name: &'a str,
    },
    /// What happens, and more about a model if one is named.
    DashboardEvents {
        model: Option<ModelKey>,
    },
    /// Where the dashboard is, seen from here.
    ToDashboard {
        location: &'static str,
    },
    /// Trace settings of a model; of all if it is empty.
    ShowTracing {
        model: Cow<'a, str>,
    },
    ChangeTracing {
        model: Cow<'a, str>,
    },
}

/// What is wanted of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ModelCall {
    Metadata,
    Ready,
    Config,
    Statistics,
    Infer,
}

pub(super) const GET: &[Method] = &[Method::GET];
pub(super) const POST: &[Method] = &[Method::POST];
const GET_POST: &[Method] = &[Method::GET, Method::POST];

impl<'a> Route<'a> {
    /// Finds what `path` stands for.
    ///
    /// # Errors
    ///
    /// 404 for a path that is none of the API's, 405 for the wrong method, 501 for what the API has
    /// and this server does not.
    pub(super) fn of(method: &Method, path: &'a str) -> Result<Self, Refusal> {
        let route = Self::find(method, path)?;
        let allowed = route.methods();
        if allowed.contains(method) {
            return Ok(route);
        }
        Err(Refusal::wrong_method(allowed))
    }

    fn find(method: &Method, path: &'a str) -> Result<Self, Refusal> {
        let not_found = Refusal::not_found;
        if let Some(endpoint) = Endpoint::find(path)? {
            return Ok(Self::OpenAi(endpoint));
        }
        let Some(rest) = path.strip_prefix("/v2") else { return Self::find_dashboard(path) };
        if let Some(rest) = rest.strip_prefix("/models/") {
            return Self::find_model(method, rest);
        }
        if let Some(rest) = rest.strip_prefix("/repository/") {
            return Self::find_repository(rest);
        }
        Ok(match rest {
            "" => Self::ServerMetadata,
            "/health/live" => Self::ServerLive,
            "/health/ready" => Self::ServerReady,
            "/logging" if method == Method::POST => Self::ChangeLogging,
            "/logging" => Self::ShowLogging,
            "/trace/setting" => Self::tracing(method, Cow::Borrowed("")),
            _ if rest.starts_with("/systemsharedmemory/")
                || rest.starts_with("/cudasharedmemory/") =>
            {
                return Err(Refusal::unsupported(
                    "shared memory is not supported; send tensors in the body",
                ));
            }
            _ => return Err(not_found()),
        })
    }

    /// What follows `/v2/models/`.
    fn find_model(method: &Method, path: &'a str) -> Result<Self, Refusal> {
        if path == "stats" {
            return Ok(Self::AllStatistics);
        }
        let (name, rest) = path.split_once('/').unwrap_or((path, ""));
        let (version, call) = match rest.strip_prefix("versions/") {
            Some(rest) => rest.split_once('/').unwrap_or((rest, "")),
            None => ("", rest),
        };
        let has_version = rest.starts_with("versions/");
        let is_version = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit());
        // A slash at the end is another path.
        if name.is_empty() || path.ends_with('/') || has_version != is_version {
            return Err(Refusal::not_found());
        }
        let call = match call {
            "" => ModelCall::Metadata,
            "ready" => ModelCall::Ready,
            "config" => ModelCall::Config,
            "stats" => ModelCall::Statistics,
            "infer" => ModelCall::Infer,
            "trace/setting" => return Ok(Self::tracing(method, percent_decoded(name)?)),
            "generate" | "generate_stream" => {
                let is_streamed = call == "generate_stream";
                return Ok(Self::Generate { name: percent_decoded(name)?, version, is_streamed });
            }
            _ => return Err(Refusal::not_found()),
        };
        Ok(Self::Model { name: percent_decoded(name)?, version, call })
    }

    /// What is not of the V2 protocol: the page, and what it is made of.
    fn find_dashboard(path: &'a str) -> Result<Self, Refusal> {
        match path {
            "/" => return Ok(Self::DashboardFile { name: "index.html" }),
            "/dashboard" => return Ok(Self::ToDashboard { location: "." }),
            "/dashboard/" => return Ok(Self::ToDashboard { location: ".." }),
            "/dashboard/events" => return Ok(Self::DashboardEvents { model: None }),
            _ => {}
        }
        let name = path.strip_prefix("/dashboard/").ok_or_else(Refusal::not_found)?;
        let Some(model) = name.strip_prefix("events/") else {
            return Ok(Self::DashboardFile { name });
        };
        let (name, version) = model.split_once('/').ok_or_else(Refusal::not_found)?;
        let name = percent_decoded(name)?.into_owned();
        let version = version.parse().map_err(|_| Refusal::not_found())?;
        Ok(Self::DashboardEvents { model: Some(ModelKey { name, version }) })
    }

    fn tracing(method: &Method, model: Cow<'a, str>) -> Self {
        if method == Method::POST {
            Self::ChangeTracing { model }
        } else {
            Self::ShowTracing { model }
        }
    }

    /// What follows `/v2/repository/`: a repository's name may come first.
    fn find_repository(path: &'a str) -> Result<Self, Refusal> {
        if path == "index" {
            return Ok(Self::RepositoryIndex { repository: "" });
        }
        let (repository, path) = match path.strip_prefix("models/") {
            Some(_) => ("", path),
            None => path.split_once('/').ok_or_else(Refusal::not_found)?,
        };
        if path == "index" && !repository.is_empty() {
            return Ok(Self::RepositoryIndex { repository });
        }
        let model = path.strip_prefix("models/").and_then(|model| model.split_once('/'));
        match model {
            Some((name, "load")) if !name.is_empty() => {
                Ok(Self::Load { repository, name: percent_decoded(name)? })
            }
            Some((name, "unload")) if !name.is_empty() => {
                Ok(Self::Unload { repository, name: percent_decoded(name)? })
            }
            _ => Err(Refusal::not_found()),
        }
    }

    /// Whether it is only for those who may change the server.
    pub(super) fn is_control(&self) -> bool {
        matches!(
            self,
            Self::Load { .. }
                | Self::Unload { .. }
                | Self::ChangeLogging
                | Self::ChangeTracing { .. }
        )
    }

    fn methods(&self) -> &'static [Method] {
        match self {
            Self::OpenAi(endpoint) => endpoint.methods(),
            Self::Model { call: ModelCall::Infer, .. }
            | Self::Generate { .. }
            | Self::RepositoryIndex { .. }
            | Self::Load { .. }
            | Self::Unload { .. } => POST,
            Self::ShowLogging
            | Self::ChangeLogging
            | Self::ShowTracing { .. }
            | Self::ChangeTracing { .. } => GET_POST,
            Self::ServerLive
            | Self::ServerReady
            | Self::ServerMetadata
            | Self::Model { .. }
            | Self::AllStatistics
            | Self::DashboardFile { .. }
            | Self::DashboardEvents { .. }
            | Self::ToDashboard { .. } => GET,
        }
    }
}

/// Undoes `%XX`.
pub(super) fn percent_decoded(text: &str) -> Result<Cow<'_, str>, Refusal> {
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = match (byte, tail) {
            (b'%', [high, low, tail @ ..]) => {
                let digit = |digit: &u8| char::from(*digit).to_digit(16);
                let code = digit(high).zip(digit(low)).map(|(high, low)| high << 4 | low);
                let code = code.and_then(|code| u8::try_from(code).ok());
                decoded.push(code.ok_or_else(bad_percent)?);
                tail
            }
            (b'%', _) => return Err(bad_percent()),
            _ => {
                decoded.push(*byte);
                tail
            }
        };
    }
    String::from_utf8(decoded).map(Cow::Owned).map_err(|_| bad_percent())
}

fn bad_percent() -> Refusal {
    Refusal::bad_request("a model's name in the path is not percent-encoded UTF-8")
}

#[cfg(test)]
mod tests;
