//! Owns the stream of what is new: figures each second, and jobs as they go on. Never keeps one for a browser that does not
//! read.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::answer::{Answer, Stopped};
use crate::app::App;
use crate::call::Call;
use crate::failure::Failure;
use crate::sink::Sink;

/// How often something is said, at least, so that a broken connection is found.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often it is looked how far jobs are, while there are any.
const JOB_STEP: Duration = Duration::from_millis(250);

pub(crate) fn events(call: &Call) -> Result<Answer, Failure> {
    let app = std::sync::Arc::clone(&call.app);
    Ok(Answer::events(move |sink| tell(&app, sink)))
}

fn tell(app: &App, sink: &mut Sink) -> Result<(), Stopped> {
    let mut told: HashMap<u64, Value> = HashMap::new();
    let (mut seen, mut time) = (0, 0);
    let mut spoken = Instant::now();
    sink.keep_alive()?;
    loop {
        app.undos.expire();
        let jobs = app.jobs.all();
        let is_running = jobs.iter().any(|job| job.is_running());
        let mut news = Vec::new();
        for job in jobs.iter().rev() {
            let now = job.told(&app.db);
            let id = now["id"].as_u64().unwrap_or_default();
            if told.get(&id) != Some(&now) {
                told.insert(id, now.clone());
                news.push(("job", now));
            }
        }
        if let Some(sample) = app.samples.last().map(|sample| json!(sample))
            && sample["time"].as_u64() != Some(time)
        {
            time = sample["time"].as_u64().unwrap_or_default();
            news.push(("metrics", sample));
        }
        for (name, data) in &news {
            sink.event(name, None, data)?;
        }
        if app.news.is_closing() {
            sink.event("bye", None, &json!({}))?;
            return Ok(());
        }
        if !news.is_empty() {
            sink.flush()?;
            spoken = Instant::now();
        } else if spoken.elapsed() >= KEEP_ALIVE {
            sink.keep_alive()?;
            spoken = Instant::now();
        }
        seen = app.news.wait(seen, if is_running { JOB_STEP } else { KEEP_ALIVE });
    }
}
