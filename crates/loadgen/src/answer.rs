//! What an answer holds beside its bytes: the server's own timing, and tensors that can be checked.

mod timing;
mod verify;

pub use timing::ServerTiming;
pub use verify::{Expectation, ExpectedOutput, ExpectedValues};
pub(crate) use verify::{numbers, values_of_json};

/// One whole answer whose transport said that it is good.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer<'a> {
    /// Value of `Inference-Header-Content-Length` and the body.
    Http(Option<usize>, &'a [u8]),
    /// A `ModelInferResponse`.
    Grpc(&'a [u8]),
    /// A `ModelStreamInferResponse`.
    GrpcStream(&'a [u8]),
}
