//! A row of the API table and the three ways to register one.

use super::{
    Dispatched, RequestContext, Response,
    error_counts::{self, ErrorCodes},
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use kafka_protocol::{
    messages::ApiKey,
    protocol::{Encodable, Request},
};
use protocol::{codec_versions, frame::encode_response, wire::WireError};

/// One Kafka API: what it is called, which versions are served and advertised, and who answers.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) key: ApiKey,
    /// Lowest and highest version a request may have; any other closes the connection.
    pub(crate) served: (i16, i16),
    /// What ApiVersions says. Differs from `served` where clients draw conclusions from a version they never send.
    pub(crate) advertised: (i16, i16),
    pub(crate) handler: Handler,
}

/// How the requests of an API run on a connection.
#[derive(Debug)]
pub(crate) enum Handler {
    /// Waits for all responses before it; the next request waits for its response.
    Ordinary(fn(RequestContext, Bytes) -> BoxFuture<'static, Response>),
    /// As `Ordinary`, but may wait long by design (Fetch, JoinGroup, SyncGroup): dropped when the client hangs up.
    Parking(fn(RequestContext, Bytes) -> BoxFuture<'static, Response>),
    /// Consecutive requests overlap; their responses leave in request order (Produce).
    Overlapping(fn(RequestContext, Bytes) -> BoxFuture<'static, Dispatched>),
}

/// A row whose handler is `async fn handle(context: &RequestContext, request: XRequest) -> XResponse`.
///
/// `typed!(Ordinary, Heartbeat, heartbeat, HeartbeatRequest, 0..=4)`, or with a range of its own for ApiVersions:
/// `typed!(Parking, JoinGroup, join_group, JoinGroupRequest, 2..=9, advertised 0..=9)`. Where an API tells what is where, with
/// `unless sent_away` at the end.
macro_rules! typed {
    ($kind:ident, $key:ident, $module:ident, $request:ident, $low:literal..=$high:literal) => {
        $crate::api::row::typed!($kind, $key, $module, $request, $low..=$high, advertised $low..=$high)
    };
    ($kind:ident, $key:ident, $module:ident, $request:ident, $low:literal..=$high:literal, advertised $first:literal..=$last:literal $(, unless $unless:ident)?) => {
        $crate::api::Api {
            key: kafka_protocol::messages::ApiKey::$key,
            served: ($low, $high),
            advertised: ($first, $last),
            handler: $crate::api::Handler::$kind(|context, body| {
                Box::pin(async move {
                    use kafka_protocol::messages::{$request, ApiKey};
                    let Some(request) = $crate::api::row::decode::<$request>(&context, body) else {
                        return $crate::api::Response::Close;
                    };
                    $(if $crate::api::$unless::without_an_answer(&context) {
                        return $crate::api::Response::Close;
                    })?
                    let response = $crate::api::$module::handle(&context, request).await;
                    $crate::api::row::encode(ApiKey::$key, &context, &response)
                })
            }),
        }
    };
}

/// A row whose handler takes the raw body and makes the whole response: `async fn handle(context: RequestContext, body:
/// Bytes) -> Response` (Produce: `-> Dispatched`). The body has passed the frame guard.
macro_rules! raw {
    ($kind:ident, $key:ident, $module:ident, $low:literal..=$high:literal, advertised $first:literal..=$last:literal) => {
        $crate::api::Api {
            key: kafka_protocol::messages::ApiKey::$key,
            served: ($low, $high),
            advertised: ($first, $last),
            handler: $crate::api::Handler::$kind(|context, body| Box::pin($crate::api::$module::handle(context, body))),
        }
    };
}

pub(super) use raw;
pub(super) use typed;

/// None when the body does not decode: a client that broken cannot be answered.
pub(super) fn decode<R: Request>(context: &RequestContext, mut body: Bytes) -> Option<R> {
    let codec_version = codec_versions::of_request(R::KEY, context.version)?;
    R::decode(&mut body, codec_version).inspect_err(|error| refused(R::KEY, context, error)).ok()
}

/// What a reader beside the codec made of a body, as [`decode`].
pub(super) fn read<T>(api: ApiKey, context: &RequestContext, request: Result<T, WireError>) -> Option<T> {
    request.inspect_err(|error| refused(api as i16, context, error)).ok()
}

fn refused(api_key: i16, context: &RequestContext, error: &dyn std::fmt::Display) {
    tracing::debug!(api_key, version = context.version, error = %error, "request does not decode");
}

/// The whole frame; what it says of errors is counted.
pub(super) fn encode<R: Encodable + ErrorCodes>(api: ApiKey, context: &RequestContext, response: &R) -> Response {
    error_counts::count(api, context, |each| response.each_error(each));
    // Where there is none the codec refuses the version itself: such responses are written by hand.
    let codec_version = codec_versions::of_response(api as i16, context.version).unwrap_or(context.version);
    match encode_response(api as i16, codec_version, context.correlation_id, response) {
        Ok(frame) => Response::Bytes(frame),
        Err(error) => {
            tracing::error!(api_key = api as i16, version = context.version, error = %error, "response does not encode");
            Response::Close
        }
    }
}
