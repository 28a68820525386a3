//! Owns which routes there are, what may be asked of each, and what it needs. Never answers one itself.

use hyper::{Method, StatusCode};

use crate::answer::Answer;
use crate::api;
use crate::call::Call;
use crate::failure::Failure;

pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    /// The names of the parameters.
    pub(crate) query: &'static [&'static str],
    pub(crate) needs: Needs,
    pub(crate) answer: fn(&Call) -> Result<Answer, Failure>,
}

/// What a route needs to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    Reading,
    /// Refused, unless the database may be changed.
    Writing,
}

const fn get(
    path: &'static str,
    query: &'static [&'static str],
    answer: fn(&Call) -> Result<Answer, Failure>,
) -> Route {
    Route { method: Method::GET, path, query, needs: Needs::Reading, answer }
}

const fn post(path: &'static str, needs: Needs, answer: fn(&Call) -> Result<Answer, Failure>) -> Route {
    Route { method: Method::POST, path, query: &[], needs, answer }
}

const fn put(path: &'static str, answer: fn(&Call) -> Result<Answer, Failure>) -> Route {
    Route { method: Method::PUT, path, query: &[], needs: Needs::Writing, answer }
}

/// Every route of the interface, as `openapi.json` has them.
pub(crate) static ROUTES: &[Route] = &[
    get("/api/session", &[], api::overview::session),
    get("/api/overview", &[], api::overview::overview),
    get("/api/metrics", &[], api::overview::metrics),
    get("/api/events", &[], api::events::events),
    get("/api/collections", &[], api::collections::list),
    post("/api/collections/drop", Needs::Writing, api::collections::drop),
    get(
        "/api/keys",
        &["collection", "prefix", "after", "offset", "reverse", "preview", "limit"],
        api::keys::keys,
    ),
    get("/api/tree", &["collection", "prefix", "delimiter", "after", "limit"], api::tree::tree),
    get("/api/document", &["collection", "key"], api::document::get),
    put("/api/document", api::document::put),
    post("/api/document/ttl", Needs::Writing, api::document::ttl),
    post("/api/documents/delete", Needs::Reading, api::delete::delete),
    get("/api/undo", &[], api::delete::undos),
    post("/api/undo", Needs::Writing, api::delete::undo),
    get("/api/history", &["collection", "key", "before", "limit"], api::history::history),
    get("/api/indexes", &["collection"], api::indexes::list),
    post("/api/indexes/create", Needs::Writing, api::indexes::create),
    post("/api/indexes/drop", Needs::Writing, api::indexes::drop),
    get(
        "/api/find",
        &["collection", "field", "equals", "from", "above", "to", "below", "reverse", "offset", "limit"],
        api::find::find,
    ),
    get("/api/changes", &["collection", "root", "prefix", "since", "documents"], api::changes::changes),
    get("/api/jobs", &[], api::jobs::list),
    post("/api/jobs/cancel", Needs::Reading, api::jobs::cancel),
    post("/api/verify", Needs::Reading, api::file::verify),
    post("/api/compact", Needs::Writing, api::file::compact),
    post("/api/backup", Needs::Reading, api::backup::begin_backup),
    get("/api/backup", &["job"], api::backup::save),
    get("/api/export", &["format", "all", "collection", "prefix"], api::export::export),
    post("/api/import", Needs::Reading, api::import::import),
];

/// The route of a request.
pub(crate) fn find(method: &Method, path: &str) -> Result<&'static Route, Failure> {
    let mut here = ROUTES.iter().filter(|route| route.path == path).peekable();
    if here.peek().is_none() {
        return Err(Failure::not_found("there is nothing at this address"));
    }
    here.find(|route| route.method == *method).ok_or_else(wrong_method)
}

pub(crate) fn wrong_method() -> Failure {
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this address is not asked like that")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    /// A method, an address, and the names of the parameters.
    type Told = BTreeSet<(String, String, BTreeSet<String>)>;

    #[test]
    fn the_routes_are_those_of_the_written_interface() {
        let written: Value =
            serde_json::from_str(include_str!("../openapi.json")).expect("the interface is JSON");
        let mut stated = Told::new();
        for (path, methods) in written["paths"].as_object().expect("it has paths") {
            for (method, what) in methods.as_object().expect("a path has methods") {
                let parameters = what["parameters"].as_array().into_iter().flatten();
                let names = parameters.filter_map(|parameter| parameter["name"].as_str().map(str::to_owned));
                stated.insert((method.to_uppercase(), path.clone(), names.collect()));
            }
        }
        let built = ROUTES.iter().map(|route| {
            let names = route.query.iter().map(|name| (*name).to_owned()).collect();
            (route.method.to_string(), route.path.to_owned(), names)
        });
        assert_eq!(built.collect::<Told>(), stated);
    }

    #[test]
    fn no_get_may_need_writing() {
        assert!(ROUTES.iter().all(|route| route.method != Method::GET || route.needs == Needs::Reading));
    }
}
