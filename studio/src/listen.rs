//! Owns the ports that the server listens on. Never listens beyond the loopback.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};

use crate::options::Options;

/// So many ports are tried, from the one that was asked for.
const PORTS_MAX: u16 = 100;

/// Why a database is not served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address is none of the loopback.
    #[error(
        "Studio listens on this machine only, and {host:?} is no loopback address; leave it out, and from elsewhere \
         take `ssh -L {port}:127.0.0.1:{port}`"
    )]
    NotLoopback {
        /// The address.
        host: String,
        /// The port.
        port: u16,
    },
    /// The address under which a proxy is to serve the page is none.
    #[error(
        "{url:?} is no address of a page; give one as `https://db.example.org/ferrum/`, of letters, digits and `-_.~` in its \
         path"
    )]
    NotAnAddress {
        /// What was given.
        url: String,
    },
    /// No port could be had.
    #[error("could not listen on port {port} or one of the next: {source}; choose another port")]
    NoPort {
        /// The first port that was tried.
        port: u16,
        /// What the system said of the last one.
        source: io::Error,
    },
    /// The system refused something that the server needs.
    #[error("could not start the server: {0}")]
    Io(#[from] io::Error),
    /// The database cannot be read.
    #[error(transparent)]
    Database(#[from] ferrumdb::Error),
}

/// The sockets of one port.
#[derive(Debug)]
pub(crate) struct Listeners {
    pub(crate) sockets: Vec<TcpListener>,
    /// The names by which a browser may call it, with the port.
    pub(crate) hosts: Vec<String>,
    pub(crate) port: u16,
    /// Whether this is not the port that was asked for, since that was taken.
    pub(crate) moved: bool,
}

impl Listeners {
    /// Listens as the options say.
    pub(crate) fn open(options: &Options) -> Result<Self, ServeError> {
        let addresses = addresses(options)?;
        let mut refused = io::Error::from(io::ErrorKind::AddrInUse);
        let last = options.port.saturating_add(if options.port == 0 { 0 } else { PORTS_MAX });
        for port in options.port..=last {
            match bind_all(&addresses, port) {
                Ok(sockets) => return Self::of(options, sockets, &addresses),
                Err(error) => refused = error,
            }
        }
        Err(ServeError::NoPort { port: options.port, source: refused })
    }

    fn of(options: &Options, sockets: Vec<TcpListener>, addresses: &[IpAddr]) -> Result<Self, ServeError> {
        let port = sockets[0].local_addr()?.port();
        for socket in &sockets {
            socket.set_nonblocking(true)?;
        }
        let mut names: Vec<String> = addresses.iter().copied().map(spelled).collect();
        names.push("localhost".to_owned());
        let with_port = |name: &String| format!("{name}:{port}");
        let mut hosts: Vec<String> = names.iter().map(with_port).collect();
        if port == 80 {
            hosts.extend(names);
        }
        Ok(Self { sockets, hosts, port, moved: options.port != 0 && port != options.port })
    }
}

/// An address as it stands before the port.
fn spelled(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// Whoever says `localhost` means either address, so nobody else may have the port of the other one.
fn addresses(options: &Options) -> Result<Vec<IpAddr>, ServeError> {
    let both = vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let Some(host) = &options.host else { return Ok(both) };
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(both);
    }
    match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(address) if address.is_loopback() => Ok(vec![address]),
        _ => Err(ServeError::NotLoopback { host: host.clone(), port: options.port }),
    }
}

/// Listens on all of them, on one port. A machine without the second kind of addresses has the first alone.
fn bind_all(addresses: &[IpAddr], port: u16) -> io::Result<Vec<TcpListener>> {
    let first = TcpListener::bind((addresses[0], port))?;
    let port = first.local_addr()?.port();
    let mut sockets = vec![first];
    for address in &addresses[1..] {
        match TcpListener::bind((*address, port)) {
            Ok(socket) => sockets.push(socket),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            Err(_) => {}
        }
    }
    Ok(sockets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_are_listened_on() {
        for host in
            ["0.0.0.0", "::", "192.168.1.2", "example.com", "", "localhost.evil.com", "127.0.0.1.evil.com"]
        {
            let refused = Listeners::open(&Options::new().with_port(0).with_host(host));
            assert!(matches!(refused, Err(ServeError::NotLoopback { .. })), "{host}");
        }
        let default = Listeners::open(&Options::new().with_port(0)).expect("the loopback is there");
        for socket in &default.sockets {
            assert!(socket.local_addr().expect("it is bound").ip().is_loopback());
        }
        let port = default.port;
        assert!(default.hosts.contains(&format!("127.0.0.1:{port}")), "{:?}", default.hosts);
        assert!(default.hosts.contains(&format!("[::1]:{port}")), "{:?}", default.hosts);
        assert!(default.hosts.contains(&format!("localhost:{port}")), "{:?}", default.hosts);
        assert_eq!(default.hosts.len(), 3);
    }

    #[test]
    fn a_taken_port_leads_to_the_next_one() {
        let first = Listeners::open(&Options::new().with_port(0)).expect("the loopback is there");
        let second = Listeners::open(&Options::new().with_port(first.port)).expect("there are other ports");
        assert!(second.port > first.port && second.moved && !first.moved);
    }
}
