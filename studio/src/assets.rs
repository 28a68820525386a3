//! Owns the files of the page, as they are in the binary. Never reads a file.

/// A file of the page.
pub(crate) struct Asset {
    /// Its place below the page.
    pub(crate) path: &'static str,
    /// Another text for other contents.
    pub(crate) tag: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
    brotli: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The page itself.
pub(crate) const INDEX: &str = "index.html";

pub(crate) fn find(path: &str) -> Option<&'static Asset> {
    let path = path.strip_prefix('/')?;
    let path = if path.is_empty() { INDEX } else { path };
    ASSETS.iter().find(|asset| asset.path == path)
}

impl Asset {
    /// Whether its name changes with its contents.
    pub(crate) fn is_immutable(&self) -> bool {
        self.path.starts_with("assets/")
    }

    pub(crate) fn content_type(&self) -> &'static str {
        match self.path.rsplit_once('.').map_or("", |(_, extension)| extension) {
            "html" => "text/html; charset=utf-8",
            "js" | "mjs" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            "json" | "map" => "application/json",
            "webmanifest" => "application/manifest+json",
            "woff2" => "font/woff2",
            "png" => "image/png",
            "ico" => "image/x-icon",
            _ => "application/octet-stream",
        }
    }

    /// The smallest form that a browser takes, and its name.
    pub(crate) fn encoded(&self, accepted: &str) -> (&'static [u8], Option<&'static str>) {
        let forms = [(self.brotli, "br"), (self.gzip, "gzip")];
        let smaller = forms.into_iter().filter(|(bytes, _)| bytes.len() < self.plain.len());
        let mut taken = smaller.filter(|(_, name)| takes(accepted, name));
        taken.next().map_or((self.plain, None), |(bytes, name)| (bytes, Some(name)))
    }
}

/// Whether a header `Accept-Encoding` takes an encoding.
fn takes(accepted: &str, encoding: &str) -> bool {
    accepted.split(',').any(|item| {
        let (name, quality) = item.split_once(';').unwrap_or((item, ""));
        let refused = quality.replace(' ', "").strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0_f32));
        name.trim().eq_ignore_ascii_case(encoding) && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_there_and_nothing_beside_it() {
        let page = find("/").expect("the page is built in");
        assert_eq!((page.path, page.content_type()), (INDEX, "text/html; charset=utf-8"));
        for path in ["", "index.html", "/../Cargo.toml", "//index.html", "/assets/", "/assets/../index.html"]
        {
            assert!(find(path).is_none(), "{path}");
        }
    }

    #[test]
    fn a_browser_gets_the_encoding_that_it_takes() {
        let repeated = Asset { path: "x", tag: "", plain: b"plain plain", gzip: b"gz", brotli: b"b" };
        assert_eq!(repeated.encoded("gzip, deflate, br").1, Some("br"));
        assert_eq!(repeated.encoded("gzip;q=0.5, br;q=0").1, Some("gzip"));
        assert_eq!(repeated.encoded("identity"), (&b"plain plain"[..], None));
        let short = Asset { path: "x", tag: "", plain: b"p", gzip: b"longer", brotli: b"longer" };
        assert_eq!(short.encoded("br"), (&b"p"[..], None));
    }
}
