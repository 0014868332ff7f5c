//! The scores of the reference project against a company whose leavers are planted: they find those who show it, not too
//! well, and nobody who does not.

use serde_json::Value;

use crate::processes::set_or;
use crate::support::Project;

/// With fewer leavers the area of a company says little of the score.
const LEAVERS: u64 = 500;

/// Mean area under the ROC curve of each score over companies of these seeds.
fn areas(accounts: u32, seeds: u64, options: &[&str]) -> [f64; 2] {
    let mut sums = [0.0, 0.0];
    for seed in 1..=seeds {
        let project = Project::demo_with(accounts, seed, options);
        project.night("2026-05-31");
        project.night("2026-06-30");
        let ended = project.roster(&[
            "evaluate",
            "--from",
            "2026-05-31",
            "--to",
            "2026-06-30",
            "--format",
            "json",
        ]);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        let evaluation: Value = serde_json::from_str(&ended.out).unwrap();
        let all = [0, 1].map(|nth| &evaluation["scores"][nth]["all"]);
        assert!(all[0]["left"].as_u64() >= Some(LEAVERS), "seed {seed}: {}", all[0]);
        let areas = all.map(|all| all["auc"]["value"].as_f64());
        println!("seed {seed} {options:?}: health {:?}, churn {:?}", areas[0], areas[1]);
        for (sum, area) in sums.iter_mut().zip(areas) {
            *sum += area.unwrap();
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a few seeds")]
    let seeds = seeds as f64;
    sums.map(|sum| sum / seeds)
}

/// Below 0.80 a score is of little use; above 0.97, on planted data, it has seen what it should not.
fn assert_useful(areas: [f64; 2]) {
    for area in areas {
        assert!(0.80 < area && area < 0.97, "health and churn: {areas:?}");
    }
}

fn assert_chance(areas: [f64; 2], most: f64) {
    for area in areas {
        assert!((area - 0.5).abs() <= most, "health and churn: {areas:?}");
    }
}

const SILENT: &[&str] = &["--silent-churn"];

#[test]
fn leavers_who_show_it_are_found() {
    assert_useful(areas(10_000, 2, &[]));
}

/// About 700 of 7,300 accounts leave: the area of one company deviates from chance by 0.015, the mean of two by 0.0106. Three
/// of these.
#[test]
fn leavers_who_show_nothing_are_not_found() {
    assert_chance(areas(10_000, 2, SILENT), 0.032);
}

/// `ROSTER_SEEDS` says how many companies.
#[test]
#[ignore = "ten minutes of a release build: .ci/full"]
fn leavers_who_show_it_are_found_in_many_companies() {
    assert_useful(areas(10_000, set_or("ROSTER_SEEDS", 20), &[]));
}

/// The mean of 20 deviates from chance by 0.0035.
#[test]
#[ignore = "ten minutes of a release build: .ci/full"]
fn leavers_who_show_nothing_are_not_found_in_many_companies() {
    assert_chance(areas(10_000, set_or("ROSTER_SEEDS", 20), SILENT), 0.01);
}
