//! Owns who may call the server: the checks that a request passes before anything else looks at it. Never knows what a
//! route does.

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};

use crate::failure::Failure;
use crate::public::Public;
use crate::secrets::Secrets;

const CSRF: HeaderName = HeaderName::from_static("x-ferrumdb-csrf");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Addresses longer than this are refused.
pub(crate) const URI_BYTES_MAX: usize = 60_000;

pub(crate) struct Guard {
    hosts: Vec<String>,
    pub(crate) public: Option<Public>,
    cookie: String,
    pub(crate) secrets: Secrets,
}

/// By what a caller is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    Cookie,
    Bearer,
}

impl Guard {
    pub(crate) fn new(hosts: Vec<String>, public: Option<Public>, port: u16) -> Self {
        // Cookies do not know ports, so the name does.
        Self { hosts, public, cookie: format!("ferrum_studio_{port}"), secrets: Secrets::new() }
    }

    /// That the request was meant for this server, and not sent by another site: before anything else.
    pub(crate) fn check_place(&self, parts: &Parts) -> Result<(), Failure> {
        let host = self.host(parts)?;
        if parts.uri.path_and_query().map_or(0, |path| path.as_str().len()) > URI_BYTES_MAX {
            let message = format!("an address has at most {URI_BYTES_MAX} bytes");
            return Err(Failure::new(StatusCode::URI_TOO_LONG, "too_large", message));
        }
        match single(&parts.headers, &header::ORIGIN)? {
            None => {}
            Some(origin) if self.is_own(origin.as_bytes(), host) => {}
            Some(_) => return Err(Failure::forbidden("this request comes from another site")),
        }
        check_site(parts)
    }

    /// By what the caller is known, if he is.
    pub(crate) fn caller(&self, headers: &HeaderMap) -> Option<Caller> {
        let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        if bearer
            .and_then(|text| text.strip_prefix("Bearer "))
            .is_some_and(|text| self.secrets.is_token(text))
        {
            return Some(Caller::Bearer);
        }
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs =
            cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let is_ours = |(name, value): (&str, &str)| name == self.cookie && self.secrets.is_session(value);
        pairs.any(is_ours).then_some(Caller::Cookie)
    }

    /// The cookie of a caller who has shown a launch code.
    pub(crate) fn cookie(&self) -> HeaderValue {
        let session = self.secrets.session();
        let place = match &self.public {
            // Whatever else the proxy serves gets no secret of ours.
            Some(public) => format!("Path={}{}", public.path, if public.is_secure { "; Secure" } else { "" }),
            None => "Path=/".to_owned(),
        };
        let cookie = format!("{}={session}; HttpOnly; SameSite=Strict; {place}", self.cookie);
        let mut value = HeaderValue::try_from(cookie).expect("it is made of letters and digits");
        value.set_sensitive(true);
        value
    }

    /// Whether an origin is that of the page at this host.
    fn is_own(&self, origin: &[u8], host: &str) -> bool {
        match &self.public {
            // A proxy may name its own host, or the one that it calls.
            Some(public) if origin == public.origin.as_bytes() => true,
            Some(public) if host.eq_ignore_ascii_case(&public.host) => false,
            _ => origin == format!("http://{host}").as_bytes(),
        }
    }

    fn host<'p>(&self, parts: &'p Parts) -> Result<&'p str, Failure> {
        let misdirected = || {
            let message = "this server answers by the address that it has printed only";
            Failure::new(StatusCode::MISDIRECTED_REQUEST, "misdirected", message)
        };
        let named = single(&parts.headers, &header::HOST)?.and_then(|host| host.to_str().ok());
        let host = named.ok_or_else(misdirected)?;
        // An absolute address could say something else than the header.
        let public = self.public.iter().map(|public| &public.host);
        let is_ours = parts.uri.authority().is_none()
            && self.hosts.iter().chain(public).any(|known| known.eq_ignore_ascii_case(host));
        if is_ours { Ok(host) } else { Err(misdirected()) }
    }
}

/// That a request which changes something was made by the page's own script, or by a program that knows the token.
pub(crate) fn check_change(headers: &HeaderMap, caller: Caller) -> Result<(), Failure> {
    let is_json = single(headers, &header::CONTENT_TYPE)?.is_some_and(|kind| {
        let kind = kind.to_str().unwrap_or_default();
        kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
    });
    if !is_json {
        let message = "send `Content-Type: application/json`";
        return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message));
    }
    if !headers.contains_key(CSRF) {
        return Err(Failure::forbidden("send the header `X-FerrumDB-CSRF: 1`"));
    }
    // One that is there was compared before.
    if caller == Caller::Cookie && !headers.contains_key(header::ORIGIN) {
        return Err(Failure::forbidden("a browser names the origin of what changes something"));
    }
    Ok(())
}

/// The site of whoever has made a browser send this, if it was a browser.
fn check_site(parts: &Parts) -> Result<(), Failure> {
    let Some(site) = single(&parts.headers, &FETCH_SITE)? else { return Ok(()) };
    let mode = single(&parts.headers, &FETCH_MODE)?;
    // Somebody has typed the address, or opened it from outside of the browser.
    let is_opened = parts.method == Method::GET && mode.is_none_or(|mode| mode == "navigate");
    match site.as_bytes() {
        b"same-origin" => Ok(()),
        b"none" if is_opened => Ok(()),
        _ => Err(Failure::forbidden("this request comes from another site")),
    }
}

/// The one header of this name. Two could be understood in two ways.
fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h HeaderValue>, Failure> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    match values.next() {
        None => Ok(first),
        Some(_) => Err(Failure::bad_request(format!("there are two headers `{name}`"))),
    }
}
