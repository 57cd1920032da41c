//! Where traces go: from flags, and from OpenTelemetry's standard variables where there are none.

use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};
use serde::Serialize;
use server::{TraceEndpoint, TraceLevel, TraceOptions, TraceProtocol};

use crate::settings::{Settings, TraceDetail};

/// The keys about traces.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Traces {
    /// The collector's URL, or `off`.
    trace_endpoint: String,
    trace_file: Option<PathBuf>,
    trace_level: TraceDetail,
    trace_rate: u32,
    trace_service_name: String,
    #[serde(skip)]
    endpoint: Option<TraceEndpoint>,
    #[serde(skip)]
    resource: Vec<(String, String)>,
}

impl Traces {
    /// Flags go before variables; `variable` reads one of these.
    ///
    /// # Errors
    ///
    /// A URL is none, or traces are asked for that lead nowhere.
    pub(crate) fn new(
        settings: &Settings,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        let endpoint = match settings.trace_endpoint.as_deref() {
            Some("off") => None,
            Some(url) => Some(url.parse().map_err(|why| anyhow!("trace-endpoint {why}"))?),
            None => standard_endpoint(&variable)?,
        };
        let resource = standard_resource(&variable)?;
        let named = resource.iter().find(|(key, _)| key == "service.name");
        let named = named.map(|(_, name)| name.clone());
        let flag = settings.trace_service_name.clone();
        let service_name = flag.or_else(|| variable("OTEL_SERVICE_NAME")).or(named);
        let leads_somewhere = endpoint.is_some() || settings.trace_file.is_some();
        let default = if leads_somewhere { TraceDetail::Timestamps } else { TraceDetail::Off };
        let traces = Self {
            trace_endpoint: endpoint.as_ref().map_or("off".to_owned(), TraceEndpoint::to_string),
            trace_file: settings.trace_file.clone(),
            trace_level: settings.trace_level.unwrap_or(default),
            trace_rate: settings.trace_rate.unwrap_or(1000),
            trace_service_name: service_name.unwrap_or_else(|| "hone".to_owned()),
            endpoint,
            resource: resource.into_iter().filter(|(key, _)| key != "service.name").collect(),
        };
        traces.check(leads_somewhere)?;
        Ok(traces)
    }

    fn check(&self, leads_somewhere: bool) -> Result<()> {
        if self.trace_rate == 0 {
            bail!("trace-rate is 0; give N of 1 or more for one of N requests");
        }
        if self.trace_level != TraceDetail::Off && !leads_somewhere {
            bail!("trace-level needs trace-endpoint or trace-file: where traces go");
        }
        if self.trace_level == TraceDetail::Tensors && self.endpoint.is_some() {
            bail!(
                "trace-level tensors needs trace-file, and trace-endpoint off: tensors go to files"
            );
        }
        Ok(())
    }

    /// The server's part.
    pub(crate) fn options(&self) -> TraceOptions {
        TraceOptions {
            endpoint: self.endpoint.clone(),
            file: self.trace_file.clone(),
            level: match self.trace_level {
                TraceDetail::Off => TraceLevel::OFF,
                TraceDetail::Timestamps => TraceLevel::TIMESTAMPS,
                TraceDetail::Tensors => TraceLevel { timestamps: true, tensors: true },
            },
            rate: self.trace_rate,
            service_name: self.trace_service_name.clone(),
            resource: self.resource.clone(),
            ..TraceOptions::default()
        }
    }
}

/// The collector that the environment names.
fn standard_endpoint(variable: impl Fn(&str) -> Option<String>) -> Result<Option<TraceEndpoint>> {
    let is_disabled = variable("OTEL_SDK_DISABLED").is_some_and(|text| text == "true");
    let is_none = variable("OTEL_TRACES_EXPORTER").is_some_and(|text| text == "none");
    if is_disabled || is_none {
        return Ok(None);
    }
    let names = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
    let Some((name, url)) = names.iter().find_map(|name| Some((*name, variable(name)?))) else {
        return Ok(None);
    };
    let protocol = standard_protocol(&variable)?;
    // The first one has its whole path, if it is HTTP.
    let endpoint = if name == names[0] && protocol == TraceProtocol::Http {
        url.parse()
    } else {
        TraceEndpoint::from_base(&url, protocol)
    };
    let advice = "(--trace-endpoint goes before it, also as off)";
    endpoint.map(Some).map_err(|why: String| anyhow!("{name} {why} {advice}"))
}

fn standard_protocol(variable: impl Fn(&str) -> Option<String>) -> Result<TraceProtocol> {
    let names = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
    let Some((name, value)) = names.iter().find_map(|name| Some((*name, variable(name)?))) else {
        return Ok(TraceProtocol::Http);
    };
    match &*value {
        "http/protobuf" => Ok(TraceProtocol::Http),
        "grpc" => Ok(TraceProtocol::Grpc),
        other => bail!("{name} is {other}; it must be http/protobuf or grpc"),
    }
}

/// `OTEL_RESOURCE_ATTRIBUTES`: `key=value,key=value`.
fn standard_resource(variable: impl Fn(&str) -> Option<String>) -> Result<Vec<(String, String)>> {
    let Some(text) = variable("OTEL_RESOURCE_ATTRIBUTES") else { return Ok(Vec::new()) };
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| match pair.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        }
        _ => bail!("OTEL_RESOURCE_ATTRIBUTES has '{pair}'; it takes key=value,key=value"),
    });
    pairs.collect()
}

#[cfg(test)]
mod tests;
