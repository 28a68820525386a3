//! Owns the life of a server: its thread with a small runtime, the connections, and the end of both. Never keeps a caller
//! waiting for a browser.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use ferrumdb::FerrumDB;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::app::{Access, App};
use crate::guard::{Guard, URI_BYTES_MAX};
use crate::http::{LAUNCH, Server, THREADS_MAX};
use crate::listen::{Listeners, ServeError};
use crate::options::Options;
use crate::public::Public;
use crate::samples::STEP;

/// So many connections are open at once; another one is closed as soon as it comes.
const CONNECTIONS_MAX: usize = 64;
/// How long the head of a request may take to come.
const HEAD_TIME_MAX: Duration = Duration::from_secs(10);
const HEADERS_MAX: usize = 64;
/// All of a request's head.
const HEAD_BYTES_MAX: usize = URI_BYTES_MAX + (32 << 10);
/// How long answers that have begun may go on when the server ends.
const END_TIME_MAX: Duration = Duration::from_secs(3);

/// A server that answers until it is stopped or dropped.
///
/// It holds a handle of the database, and so keeps it open.
#[must_use = "dropping it stops the server"]
pub struct Studio {
    app: Arc<App>,
    port: u16,
    moved: bool,
    host: String,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

/// Serves a database to a browser on this machine. When this returns, it listens.
///
/// It runs on threads of its own, and needs no runtime. One that was opened by
/// [`Config::read_only`](ferrumdb::Config::read_only) is shown live, and cannot be changed.
///
/// # Errors
/// [`ServeError`], when the address is not of this machine, no port can be had, or the database is closed.
pub fn serve(db: &FerrumDB, options: Options) -> Result<Studio, ServeError> {
    let public = options.public_url.as_deref().map(Public::parse).transpose()?;
    let listeners = Listeners::open(&options)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(THREADS_MAX)
        .thread_name("ferrumdb-studio-call")
        .build()?;
    let access = match (db.is_follower(), options.writes) {
        (true, _) => Access::Follower,
        (false, true) => Access::Write,
        (false, false) => Access::ReadOnly,
    };
    let guard = Guard::new(listeners.hosts.clone(), public, listeners.port);
    let app = Arc::new(App::new(db, access, guard, runtime.handle().clone())?);
    let (stop, stopped) = watch::channel(false);
    let (port, moved, host) = (listeners.port, listeners.moved, listeners.hosts[0].clone());
    let server = Arc::new(Server::new(Arc::clone(&app)));
    let thread = std::thread::Builder::new().name("ferrumdb-studio".to_owned());
    let thread = thread.spawn(move || run(runtime, server, listeners, stopped))?;
    Ok(Studio { app, port, moved, host, stop, thread: Some(thread) })
}

impl Studio {
    /// An address to open in a browser: the secret in it works once. Each call makes another one.
    #[must_use]
    pub fn launch_url(&self) -> String {
        let place = LAUNCH.trim_start_matches('/');
        format!("{}{place}?code={}", self.url(), self.app.guard.secrets.new_launch())
    }

    /// The address without a secret: for a browser that has opened the other one before.
    #[must_use]
    pub fn url(&self) -> String {
        match &self.app.guard.public {
            Some(public) => public.url(),
            None => format!("http://{}/", self.host),
        }
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it is another port than the one that was asked for, which was taken.
    #[must_use]
    pub fn has_moved(&self) -> bool {
        self.moved
    }

    /// Whether documents can be changed.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.app.access == Access::Write
    }

    /// The token of this run, for programs: they send it as `Authorization: Bearer`. Whoever has it can do what the page can.
    #[must_use]
    pub fn token(&self) -> &str {
        self.app.guard.secrets.token()
    }

    /// Ends the server: answers under way are finished for some seconds, streams are told, and jobs are stopped, but for what the
    /// database does by itself.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.app.news.close();
        self.app.jobs.stop();
        self.stop.send_replace(true);
        if thread.join().is_err() {
            tracing::error!("the thread of the server has panicked");
        }
    }
}

impl Drop for Studio {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Studio {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Studio").field("url", &self.url()).finish_non_exhaustive()
    }
}

fn run(runtime: Runtime, server: Arc<Server>, listeners: Listeners, stopped: watch::Receiver<bool>) {
    runtime.block_on(async {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        for socket in listeners.sockets {
            match TcpListener::from_std(socket) {
                Ok(listener) => {
                    let accepting =
                        accept(listener, Arc::clone(&server), Arc::clone(&places), stopped.clone());
                    tokio::spawn(until(stopped.clone(), accepting));
                }
                Err(error) => tracing::error!(%error, "a socket cannot be listened on"),
            }
        }
        tokio::spawn(until(stopped.clone(), sample(Arc::clone(&server.app))));
        end(stopped).await;
        let all = u32::try_from(CONNECTIONS_MAX).expect("it is a small number");
        let _ = timeout(END_TIME_MAX, places.acquire_many(all)).await;
    });
    // What still waits for a browser that does not read ends when it finds nobody at the other side.
    runtime.shutdown_timeout(END_TIME_MAX);
}

async fn until(stopped: watch::Receiver<bool>, work: impl Future<Output = ()>) {
    tokio::select! {
        () = work => {}
        () = end(stopped) => {}
    }
}

/// Waits for the end. If whoever could say so is gone, it has come, too.
async fn end(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn accept(
    listener: TcpListener,
    server: Arc<Server>,
    places: Arc<Semaphore>,
    stopped: watch::Receiver<bool>,
) {
    loop {
        match (listener.accept().await, Arc::clone(&places).try_acquire_owned()) {
            (Ok((stream, _)), Ok(place)) => {
                tokio::spawn(connection(stream, Arc::clone(&server), stopped.clone(), place));
            }
            (Ok(_), Err(_)) => tracing::warn!("a connection was refused, since {CONNECTIONS_MAX} are open"),
            (Err(error), _) => {
                // Out of files, most likely: some will be closed.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    server: Arc<Server>,
    stopped: watch::Receiver<bool>,
    place: OwnedSemaphorePermit,
) {
    // Events are small and are to be seen at once.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let answering = Arc::clone(&server).answer(request);
        async move { Ok::<_, std::convert::Infallible>(answering.await) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME_MAX);
    builder.max_headers(HEADERS_MAX).max_buf_size(HEAD_BYTES_MAX);
    let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let served = tokio::select! {
        served = serving.as_mut() => served,
        () = end(stopped) => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection was broken off");
    }
    drop(place);
}

async fn sample(app: Arc<App>) {
    let mut ticks = interval(STEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    // The first one comes at once.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let sampled = Arc::clone(&app);
        if tokio::task::spawn_blocking(move || sampled.tick()).await.is_ok() {
            app.news.ring();
        }
    }
}
