//! Owns what can be said of a server before it starts. Never opens anything.

/// The port, unless another is asked for.
pub const DEFAULT_PORT: u16 = 7474;

/// How a database is to be served.
///
/// ```
/// use ferrumdb_studio::Options;
///
/// let options = Options::new().with_port(8080).with_writes(true);
/// # drop(options);
/// ```
#[derive(Clone, Debug)]
#[must_use = "it says how to serve, and serves nothing: give it to `serve`"]
pub struct Options {
    pub(crate) host: Option<String>,
    pub(crate) port: u16,
    pub(crate) writes: bool,
    pub(crate) public_url: Option<String>,
}

impl Options {
    /// The loopback addresses, port 7474 or the next that is free, and nothing can be changed.
    pub fn new() -> Self {
        Self { host: None, port: DEFAULT_PORT, writes: false, public_url: None }
    }

    /// Listens on this loopback address only: `localhost`, `127.0.0.1`, `::1`, or another one that begins with `127.`. Any
    /// other is refused.
    pub fn with_host(mut self, host: impl Into<String>) -> Self {
        self.host = Some(host.into());
        self
    }

    /// Listens on this port, or, if it is taken, on the next one that is free. 0 is any.
    pub fn with_port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Whether documents may be changed. Not of a follower, whatever is said here.
    pub fn with_writes(mut self, writes: bool) -> Self {
        self.writes = writes;
        self
    }

    /// The address under which a reverse proxy on this machine serves the page, as `https://db.example.org/ferrum/`. Its host
    /// and its origin are answered, too, and no others; what is told is this address. Studio itself listens on the loopback as
    /// before.
    pub fn with_public_url(mut self, url: impl Into<String>) -> Self {
        self.public_url = Some(url.into());
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}
