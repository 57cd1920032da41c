use std::str::FromStr;

/// How requests travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// KServe V2 over REST, tensors as binary data behind the JSON.
    #[default]
    Http,
    /// KServe V2 over REST, tensors in the JSON.
    HttpJson,
    /// KServe V2 over gRPC, `ModelInfer`.
    Grpc,
    /// KServe V2 over gRPC, `ModelStreamInfer`.
    GrpcStream,
    /// OpenAI's `/v1/chat/completions`.
    OpenAiChat,
    /// OpenAI's `/v1/completions`.
    OpenAiCompletions,
    /// OpenAI's `/v1/embeddings`.
    OpenAiEmbeddings,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 7] = [
        Self::Http,
        Self::HttpJson,
        Self::Grpc,
        Self::GrpcStream,
        Self::OpenAiChat,
        Self::OpenAiCompletions,
        Self::OpenAiEmbeddings,
    ];

    /// Name on the command line and in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::HttpJson => "http-json",
            Self::Grpc => "grpc",
            Self::GrpcStream => "grpc-stream",
            Self::OpenAiChat => "openai-chat",
            Self::OpenAiCompletions => "openai-completions",
            Self::OpenAiEmbeddings => "openai-embeddings",
        }
    }

    /// Whether it is one of OpenAI's.
    #[must_use]
    pub const fn is_openai(self) -> bool {
        matches!(self, Self::OpenAiChat | Self::OpenAiCompletions | Self::OpenAiEmbeddings)
    }

    /// Whether it is gRPC.
    #[must_use]
    pub const fn is_grpc(self) -> bool {
        matches!(self, Self::Grpc | Self::GrpcStream)
    }
}

impl FromStr for Protocol {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|protocol| protocol.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("'{text}' is no protocol; there are {names}")
        })
    }
}
