//! Owns the address under which a reverse proxy serves the page: its host, its origin, and the path before all others. Never
//! widens who may call: whoever comes by it needs a secret as everybody does.

use hyper::Uri;

use crate::listen::ServeError;

/// An address with a host of its own, and a path that ends with a slash.
#[derive(Clone, Debug)]
pub(crate) struct Public {
    /// What the header `Host` says, unless the proxy says its own.
    pub(crate) host: String,
    pub(crate) origin: String,
    pub(crate) path: String,
    pub(crate) is_secure: bool,
}

impl Public {
    pub(crate) fn parse(url: &str) -> Result<Self, ServeError> {
        let refused = || ServeError::NotAnAddress { url: url.to_owned() };
        let uri: Uri = url.parse().map_err(|_| refused())?;
        let (scheme, host) = (uri.scheme_str().unwrap_or_default(), uri.host().unwrap_or_default());
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let is_plain = !host.is_empty() && !authority.contains('@') && uri.query().is_none();
        let path = uri.path();
        let is_path = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte))
            && !path.contains("//")
            && !path.split('/').any(|part| part == "..");
        if !["http", "https"].contains(&scheme) || !is_plain || !is_path {
            return Err(refused());
        }
        let authority = authority.to_ascii_lowercase();
        let slash = if path.ends_with('/') { "" } else { "/" };
        Ok(Self {
            origin: format!("{scheme}://{authority}"),
            path: format!("{path}{slash}"),
            is_secure: scheme == "https",
            host: authority,
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("{}{}", self.origin, self.path)
    }

    /// The place that is meant, whether the proxy has taken its path off or not.
    pub(crate) fn place<'p>(&self, path: &'p str) -> &'p str {
        let before = self.path.trim_end_matches('/');
        path.strip_prefix(before).filter(|rest| rest.starts_with('/')).unwrap_or(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_path_and_nothing_else() {
        let public = Public::parse("https://DB.example.org:8443/tools/ferrum").expect("it is one");
        assert_eq!(public.url(), "https://db.example.org:8443/tools/ferrum/");
        assert_eq!((&*public.host, public.is_secure), ("db.example.org:8443", true));
        for (path, place) in [
            ("/tools/ferrum/", "/"),
            ("/tools/ferrum/api/keys", "/api/keys"),
            ("/api/keys", "/api/keys"),
            ("/tools/ferrumx/", "/tools/ferrumx/"),
            ("/tools/ferrum", "/tools/ferrum"),
        ] {
            assert_eq!(public.place(path), place);
        }
        assert_eq!(Public::parse("http://db.example.org").expect("it is one").path, "/");
        for bad in [
            "",
            "db.example.org",
            "/ferrum/",
            "ftp://db.example.org/",
            "https://me:secret@db.example.org/",
            "https://db.example.org/?a=1",
            "https://db.example.org/a b/",
            "https://db.example.org/a/../b/",
            "https://db.example.org/%2e/",
            "https://db.example.org/;Path=/",
        ] {
            assert!(Public::parse(bad).is_err(), "{bad}");
        }
    }
}
