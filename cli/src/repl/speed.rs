//! Owns what HELP tells of a session: what it has done, and how fast. Never measures anything itself.

use std::time::Duration;

use ferrumdb::{Distribution, Metrics};

/// What the session has done so far, and how fast.
pub(super) fn of(metrics: &Metrics) -> String {
    let Metrics { gets, sets, deletes, commits, errors, .. } = metrics;
    let (operations, seconds) = (gets + sets + deletes, metrics.uptime.as_secs_f64());
    let rate = metrics.operations_per_second;
    format!(
        "This session, {seconds:.0} s so far: {operations} operations ({rate:.0} a second)\n  \
         gets {gets}, sets {sets}, deletes {deletes}, commits {commits}, errors {errors}\n  \
         get     {}\n  commit  {}\n  sync    {}",
        percentiles(&metrics.get_nanos),
        percentiles(&metrics.commit_nanos),
        percentiles(&metrics.sync_nanos),
    )
}

fn percentiles(distribution: &Distribution) -> String {
    let time = |nanos| format!("{:.1?}", Duration::from_nanos(nanos));
    match distribution.count {
        0 => "none measured".to_owned(),
        count => {
            let (p50, p99) = (time(distribution.p50), time(distribution.p99));
            format!("p50 {p50}, p99 {p99} ({count} measured)")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_is_said_to_be_so() {
        let text = of(&Metrics::default());
        assert!(text.contains("0 operations") && text.contains("get     none measured"), "{text}");
    }
}
