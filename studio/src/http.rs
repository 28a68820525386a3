//! Owns a request on its way through the server: the checks, the body, the route on a thread that may wait, and the headers of the
//! answer. Never knows what a route does.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::answer::{Answer, Stopped, Stream};
use crate::app::App;
use crate::assets::{self, Asset};
use crate::call::Call;
use crate::failure::Failure;
use crate::guard;
use crate::router::{self, Needs, Route};
use crate::sink::{Cut, Sink};

pub(crate) type Body = UnsyncBoxBody<Bytes, Cut>;

/// The largest body of a request.
pub(crate) const BODY_BYTES_MAX: usize = 16 << 20;
/// How long a body may take to come, and an answer to be made.
const TIME_MAX: Duration = Duration::from_secs(30);
/// So many calls are carried out at once, and so many streams are open.
const CALLS_MAX: usize = 8;
pub(crate) const STREAMS_MAX: usize = 16;
/// Threads that may wait for all of these.
pub(crate) const THREADS_MAX: usize = CALLS_MAX + STREAMS_MAX + 2;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
     font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'";

const SECURITY: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// The server, as each request sees it.
pub(crate) struct Server {
    pub(crate) app: Arc<App>,
    calls: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    time_max: Duration,
}

impl Server {
    pub(crate) fn new(app: Arc<App>) -> Self {
        let (calls, streams) = (Semaphore::new(CALLS_MAX), Semaphore::new(STREAMS_MAX));
        Self { app, calls: Arc::new(calls), streams: Arc::new(streams), time_max: TIME_MAX }
    }

    /// Answers a request, whatever it is, and whatever goes wrong.
    pub(crate) async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let accepted = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
        let is_page = accepted.is_some_and(|accepted| accepted.contains("text/html"));
        // A task of its own: a panic in it ends this request alone.
        let answered = tokio::spawn(async move { self.serve(request).await }).await;
        let response = match answered {
            Ok(Ok(response)) => response,
            Ok(Err(failure)) if is_page && failure.status == StatusCode::UNAUTHORIZED => stranger(&failure),
            Ok(Err(failure)) => failed(failure),
            Err(error) => {
                tracing::error!(%error, "a request has ended in a panic");
                failed(Failure::internal())
            }
        };
        secured(response)
    }

    async fn serve(&self, request: Request<Incoming>) -> Result<Response<Body>, Failure> {
        let (parts, body) = request.into_parts();
        let guard = &self.app.guard;
        guard.check_place(&parts)?;
        let caller = guard.caller(&parts.headers);
        let path = guard.public.as_ref().map_or(parts.uri.path(), |public| public.place(parts.uri.path()));
        if path == LAUNCH && parts.method == Method::GET {
            return self.launch(&parts, caller.is_some());
        }
        let Some(caller) = caller else { return Err(unauthorized()) };
        if parts.method == Method::GET
            && let Some(asset) = assets::find(path)
        {
            return Ok(page(asset, &parts.headers));
        }
        let route = router::find(&parts.method, path)?;
        if route.method != Method::GET {
            guard::check_change(&parts.headers, caller)?;
        }
        if route.needs == Needs::Writing {
            self.app.check_write()?;
        }
        let body = read(body).await?;
        self.carry_out(route, &parts, body).await
    }

    /// Exchanges a launch code for the cookie.
    fn launch(&self, parts: &Parts, is_known: bool) -> Result<Response<Body>, Failure> {
        let code = parts.uri.query().and_then(|query| query.strip_prefix("code="));
        let is_right = code.is_some_and(|code| self.app.guard.secrets.spend_launch(code));
        if !is_right && !is_known {
            return Err(unauthorized());
        }
        let mut response = Response::new(full(Bytes::new()));
        *response.status_mut() = StatusCode::SEE_OTHER;
        response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("./"));
        if is_right {
            response.headers_mut().insert(header::SET_COOKIE, self.app.guard.cookie());
        }
        Ok(response)
    }

    async fn carry_out(
        &self,
        route: &'static Route,
        parts: &Parts,
        body: Bytes,
    ) -> Result<Response<Body>, Failure> {
        let query = parts.uri.query().unwrap_or_default();
        let last_event = parts.headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
        let call = Call::new(Arc::clone(&self.app), query, route.query, body, last_event)?;
        let late = || {
            let message = "this takes too long; ask for less, or create an index";
            Failure::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", message)
        };
        let calls = Arc::clone(&self.calls);
        let work = async {
            let permit = calls.acquire_owned().await.expect("it is never closed");
            // What takes too long is waited for no more, but keeps its place until it is done.
            let run = move || {
                let answer = (route.answer)(&call);
                drop(permit);
                answer
            };
            tokio::task::spawn_blocking(run).await
        };
        match timeout(self.time_max, work).await.map_err(|_| late())? {
            Ok(Ok(Answer::Json(status, text))) => Ok(json(status, text)),
            Ok(Ok(Answer::Stream(stream))) => self.stream(stream),
            Ok(Err(failure)) => Err(failure),
            Err(error) => {
                tracing::error!(%error, path = route.path, "a route has ended in a panic");
                Err(Failure::internal())
            }
        }
    }

    fn stream(&self, stream: Stream) -> Result<Response<Body>, Failure> {
        let permit = Arc::clone(&self.streams).try_acquire_owned();
        let permit =
            permit.map_err(|_| Failure::busy("too many streams and downloads are open; close some"))?;
        let Stream { content_type, file_name, bytes, produce } = stream;
        let (mut sink, pieces) = Sink::new(self.app.handle.clone());
        tokio::task::spawn_blocking(move || {
            match produce(&mut sink) {
                Ok(()) => drop(sink.flush()),
                Err(Stopped::Gone) => {}
                Err(Stopped::Failed(failure)) => {
                    tracing::warn!(failure = %failure.message, "an answer was cut off");
                    sink.cut();
                }
            }
            drop(permit);
        });
        let mut response = Response::new(pieces.boxed_unsync());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        // Whoever stands in between is not to hold pieces back.
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        if let Some(bytes) = bytes {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
        }
        if let Some(name) = file_name {
            headers.insert(header::CONTENT_DISPOSITION, attachment(&name));
        }
        Ok(response)
    }
}

/// Where a launch code is shown.
pub(crate) const LAUNCH: &str = "/launch";

fn unauthorized() -> Failure {
    let message = "Open the address that the program has printed. It works once, and each start of the program has another.";
    Failure::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
}

async fn read(body: Incoming) -> Result<Bytes, Failure> {
    let late = || Failure::new(StatusCode::REQUEST_TIMEOUT, "timeout", "the body took too long to come");
    let read = timeout(TIME_MAX, Limited::new(body, BODY_BYTES_MAX).collect()).await.map_err(|_| late())?;
    read.map(|body| body.to_bytes()).map_err(|error| {
        if error.is::<LengthLimitError>() {
            let message = format!("a body has at most {BODY_BYTES_MAX} bytes; send less at a time");
            return Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message);
        }
        Failure::bad_request("the body did not come to its end")
    })
}

/// The name is made of letters that a header can hold.
fn attachment(name: &str) -> HeaderValue {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let name: String = name.chars().map(|letter| if plain(letter) { letter } else { '_' }).collect();
    HeaderValue::try_from(format!("attachment; filename=\"{name}\""))
        .expect("it is made of letters and digits")
}

fn page(asset: &'static Asset, headers: &HeaderMap) -> Response<Body> {
    let is_known = headers.get(header::IF_NONE_MATCH).is_some_and(|tag| tag == asset.tag);
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let (bytes, encoding) = asset.encoded(accepted.unwrap_or_default());
    let mut response = Response::new(full(Bytes::from_static(if is_known { b"" } else { bytes })));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type()));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::ETAG, HeaderValue::from_static(asset.tag));
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    if asset.is_immutable() {
        let kept = HeaderValue::from_static("private, max-age=31536000, immutable");
        headers.insert(header::CACHE_CONTROL, kept);
    }
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    response
}

fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

fn json(status: StatusCode, text: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(full(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn failed(failure: Failure) -> Response<Body> {
    let status = failure.status;
    let text = serde_json::to_vec(&failure.into_json()).expect("it is made of JSON");
    json(status, text)
}

/// The same for somebody who has opened the page without the secret.
fn stranger(failure: &Failure) -> Response<Body> {
    // The sentence is one of ours, without a letter that HTML would take for its own.
    let text =
        format!("<!doctype html><meta charset=utf-8><title>Ferrum Studio</title><p>{}", failure.message);
    let mut response = Response::new(full(Bytes::from(text)));
    *response.status_mut() = failure.status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

/// What every answer says, whatever it is.
fn secured(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    for (name, value) in SECURITY {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests;
