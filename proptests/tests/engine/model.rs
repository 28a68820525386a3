//! Random operations against the model, and every list that ever failed.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use ferrumdb_proptests::{Budget, Model, Op, OpList, Random, explore, replay, shrink};
use proptest::prelude::*;
use proptest::test_runner::Config;

fn regressions() -> Vec<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("regressions");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "ops"));
    paths.sort();
    paths
}

#[test]
fn every_list_that_once_failed_succeeds() {
    let paths = regressions();
    assert!(!paths.is_empty());
    for path in paths {
        let mut list: OpList = fs::read_to_string(&path).unwrap().parse().unwrap();
        // Once with a cache and once without, and with other fates after failed syncs.
        for seed in [list.seed, list.seed + 1, list.seed + 2] {
            list.seed = seed;
            replay(&list).unwrap_or_else(|reason| panic!("{}: {reason}", path.display()));
        }
    }
}

proptest! {
    #![proptest_config(Config { cases: 300, failure_persistence: None, ..Config::default() })]

    #[test]
    fn any_operations_leave_what_the_model_promises(
        seed in 0..1_000_u64,
        ops in prop::collection::vec(any::<u64>().prop_map(|seed| Op::random(&mut Random::new(seed))), 1..60),
    ) {
        let list = OpList { seed, ops };
        if let Err(reason) = replay(&list) {
            let (list, reason) = shrink(list, reason);
            prop_assert!(false, "{reason}; keep this list as a file in proptests/regressions:\n{list}");
        }
    }
}

#[test]
fn a_power_cut_at_any_moment_leaves_what_the_model_promises() {
    for seed in [1_000_000, 2_000_000] {
        match explore(seed, Budget { time: Duration::MAX, states: 60, least: 0 }) {
            Ok(totals) => {
                let enough = totals.crashes_in_opening > 5
                    && totals.crashes_in_compacting > 0
                    && totals.compactions > 2;
                assert!(enough, "too few crashes to say anything: {totals:?}");
            }
            Err(finding) => panic!("seed {}: {}\n{}", finding.seed, finding.reason, finding.list),
        }
    }
}

#[test]
fn the_model_refuses_what_was_lost_and_what_was_invented() {
    let mut model = Model::default();
    let commits = ["commit synced 0=1", "commit appended 0=2", "commit appended 1=3"];
    for commit in commits {
        let Ok(Op::Commit { group, synced }) = commit.parse() else { panic!("{commit}") };
        let staged = model.stage(&group);
        staged.into_iter().filter_map(|(_, _, state)| state).for_each(|state| model.acknowledge(state));
        if synced {
            model.promise(model.sequence());
        }
    }
    for (sequence, power_was_cut, is_right) in [
        (0, true, false),
        (1, true, true),
        (3, true, true),
        (4, true, false),
        (2, false, false),
        (3, false, true),
    ] {
        assert_eq!(
            model.clone().reopen(sequence, power_was_cut).is_ok(),
            is_right,
            "{sequence} {power_was_cut}"
        );
    }
}
