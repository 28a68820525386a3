//! Holds the way of a request against routes that no server has: one that panics, and one that is slow. Never opens a port.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::atomic::{AtomicBool, Ordering};

use ferrumdb::FerrumDB;
use tokio::runtime::Handle;

use super::*;
use crate::app::Access;
use crate::guard::Guard;

static PANICS: Route = route(|_| panic!("a handler fails"));
static SLOW: Route = route(|_| {
    while !MAY_GO_ON.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(1));
    }
    Answer::json(&1)
});
static QUICK: Route = route(|call| Answer::json(&call.app.db.count()?));
static MAY_GO_ON: AtomicBool = AtomicBool::new(false);

const fn route(answer: fn(&Call) -> Result<Answer, Failure>) -> Route {
    Route { method: Method::GET, path: "/", query: &[], needs: Needs::Reading, answer }
}

fn server(db: &FerrumDB) -> Server {
    let guard = Guard::new(Vec::new(), None, 0);
    Server::new(Arc::new(App::new(db, Access::Write, guard, Handle::current()).unwrap()))
}

async fn ask(server: &Server, route: &'static Route) -> StatusCode {
    let (parts, ()) = Request::new(()).into_parts();
    match server.carry_out(route, &parts, Bytes::new()).await {
        Ok(response) => response.status(),
        Err(failure) => failure.status,
    }
}

#[tokio::test]
async fn a_panic_in_a_route_ends_its_request_and_nothing_else() {
    let db = FerrumDB::open_in_memory().await.unwrap();
    let server = server(&db);
    // More often than there are places: each is given back.
    for number in 0..2 * CALLS_MAX {
        assert_eq!(ask(&server, &PANICS).await, StatusCode::INTERNAL_SERVER_ERROR);
        db.set(format!("{number}"), number).await.unwrap();
    }
    assert_eq!(ask(&server, &QUICK).await, StatusCode::OK);
    assert_eq!(db.count().unwrap(), 2 * CALLS_MAX as u64);
}

#[tokio::test]
async fn what_takes_too_long_is_answered_and_keeps_its_place_until_it_is_done() {
    let db = FerrumDB::open_in_memory().await.unwrap();
    let mut server = server(&db);
    server.time_max = Duration::from_millis(20);
    for _ in 0..CALLS_MAX {
        assert_eq!(ask(&server, &SLOW).await, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(server.calls.available_permits(), 0);
    assert_eq!(ask(&server, &QUICK).await, StatusCode::SERVICE_UNAVAILABLE, "there is no place left");
    db.set("one", 1).await.unwrap();
    MAY_GO_ON.store(true, Ordering::SeqCst);
    server.time_max = TIME_MAX;
    assert_eq!(ask(&server, &QUICK).await, StatusCode::OK);
}
