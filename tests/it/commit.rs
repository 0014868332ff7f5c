//! The commit over a store that fails: a reader sees whole nights, and the orchestrator's retry finishes.
#![cfg(test)] // so that clippy takes the helpers for tests too

#[path = "../support/faults.rs"]
pub(crate) mod faults;
#[path = "../support/nights.rs"]
pub(crate) mod nights;

use std::sync::Arc;

use datafusion::common::runtime::SpawnedTask;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use roster::commit::{Exclusivity, Published, probe};
use roster::core::{Kind, Record, Refusal};
use roster::error::Error;

use faults::{ALL, Fault, FaultStore, Unconditional, objects};
use nights::{Night, attempt_id, commit, date, log_on, night, read, run, runs_of, write};

async fn disk_with(days: &[u32]) -> Arc<dyn ObjectStore> {
    let disk: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    for day in days {
        assert!(matches!(
            run(Arc::clone(&disk), night(*day)).await,
            Ok(Published::Committed { .. })
        ));
    }
    disk
}

/// One schedule: night 2 fails at `nth`, a reader looks, the orchestrator runs it again, a reader looks.
async fn schedule(fault: Fault, nth: usize) -> bool {
    let disk = disk_with(&[1]).await;
    let (_, before) = read(&disk).await;
    let flaky = FaultStore::new(Arc::clone(&disk), nth, fault);

    let first = run(flaky.clone(), night(2)).await;
    let place = format!("{flaky}: {first:?}");
    let (records, nights) = read(&disk).await;
    assert_eq!(nights[&1], before[&1], "{place}");
    let committed = runs_of(&records, 2) == 1;
    match &first {
        // Exit 0 is a promise; 2 and 5 are too.
        Ok(Published::Committed { .. } | Published::Done(_)) => assert!(committed, "{place}"),
        Ok(other) => panic!("{place}: {other:?}"),
        Err(error) => assert_eq!(error.exit_code(), 3, "{place}"),
    }

    let again = run(Arc::clone(&disk), night(2)).await;
    let again_done = matches!(again, Ok(Published::Done(_)));
    assert!(again_done == committed && again.is_ok(), "{place}, again: {again:?}");
    let (records, nights) = read(&disk).await;
    assert_eq!((records.len(), runs_of(&records, 2), nights.len()), (2, 1, 2), "{place}");
    if committed {
        assert!(matches!(first, Ok(_) | Err(Error::OutcomeUnknown { .. } | Error::Store { .. })));
    }
    flaky.fired()
}

#[tokio::test]
async fn readers_see_whole_nights_and_a_retry_commits_once_whichever_operation_fails_how() {
    let disk = disk_with(&[1]).await;
    let counting = FaultStore::new(disk, 1 << 30, Fault::None);
    run(counting.clone(), night(2)).await.unwrap();
    let operations = counting.operations();
    let schedules = ALL.iter().flat_map(|fault| (1..=operations).map(|nth| schedule(*fault, nth)));
    let fired = futures::future::join_all(schedules).await;
    println!("{} schedules over {operations} operations", fired.len());
    assert!(fired.iter().all(|fired| *fired) && fired.len() >= 60, "{}", fired.len());
}

#[tokio::test]
async fn a_first_night_survives_the_same() {
    for fault in [Fault::After, Fault::Conflict, Fault::Late] {
        let runs = (1..=14).map(async |nth| {
            let disk = disk_with(&[]).await;
            let _ = run(FaultStore::new(Arc::clone(&disk), nth, fault), night(1)).await;
            run(Arc::clone(&disk), night(1)).await.unwrap();
            assert_eq!(read(&disk).await.0.len(), 1, "{fault:?} at {nth}");
        });
        futures::future::join_all(runs).await;
    }
}

#[tokio::test]
async fn a_night_that_fails_before_its_commit_leaves_no_object() {
    let disk = disk_with(&[1]).await;
    let before = objects(&*disk).await;
    let counting = FaultStore::new(disk_with(&[1]).await, 1 << 30, Fault::None);
    write(&log_on(counting.clone()), night(2)).await.unwrap().unwrap_or_else(|_| panic!());
    for nth in 1..=counting.operations() {
        for fault in [Fault::Before, Fault::After] {
            let flaky = FaultStore::new(Arc::clone(&disk), nth, fault);
            if let Ok(Ok(written)) = write(&log_on(flaky), night(2)).await {
                written.attempt.discard().await;
            }
            // The probe object is best effort: its own delete may be what failed.
            let after: Vec<_> =
                objects(&*disk).await.into_iter().filter(|p| !p.starts_with("probe/")).collect();
            assert_eq!(before, after, "{fault:?} at {nth}");
        }
    }
}

/// Operation number of the commit put, counted by its path.
async fn commit_put() -> usize {
    let counting = FaultStore::new(disk_with(&[1]).await, 1 << 30, Fault::None);
    let log = log_on(counting.clone());
    let _ = write(&log, night(2)).await.unwrap().unwrap_or_else(|_| panic!());
    counting.operations() + 1
}

#[tokio::test]
async fn a_commit_that_was_applied_and_answered_with_an_error_is_known_as_ones_own() {
    let disk = disk_with(&[1]).await;
    let flaky = FaultStore::new(Arc::clone(&disk), commit_put().await, Fault::After);
    let published = run(flaky, night(2)).await.unwrap();
    assert!(matches!(published, Published::Committed { record, .. } if record.version == 2));
    assert_eq!(read(&disk).await.0.len(), 2);
}

#[tokio::test]
async fn a_conflict_without_a_write_is_tried_again() {
    let disk = disk_with(&[1]).await;
    let flaky = FaultStore::new(Arc::clone(&disk), commit_put().await, Fault::Conflict);
    assert!(matches!(run(flaky, night(2)).await, Ok(Published::Committed { .. })));
}

#[tokio::test]
async fn when_the_store_is_gone_after_the_commit_the_outcome_is_unknown_and_nothing_is_deleted() {
    let disk = disk_with(&[1]).await;
    let flaky = FaultStore::new(Arc::clone(&disk), commit_put().await, Fault::CrashAfter);
    let error = run(flaky, night(2)).await.unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error}");
    assert_eq!((error.exit_code(), error.code()), (3, "outcome_unknown"));
    assert!(error.to_string().contains("nothing was deleted; run the same command again"));
    assert_eq!(read(&disk).await.1.len(), 2);
}

#[tokio::test]
async fn a_store_that_overwrites_is_refused_before_anything_is_written() {
    for says_so in [false, true] {
        let disk: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let log = log_on(Arc::new(Unconditional { disk: Arc::clone(&disk), says_so }));
        let error = probe(&log, &attempt_id(), Exclusivity::Store).await.unwrap_err();
        assert_eq!((error.exit_code(), error.code()), (2, "invalid_setting"));
        assert!(error.to_string().contains("--single-writer"), "{error}");
        assert_eq!(objects(&*disk).await, Vec::<String>::new());
        probe(&log, &attempt_id(), Exclusivity::SingleWriter).await.unwrap();
    }
}

#[tokio::test]
async fn of_two_writers_of_one_night_the_second_is_told_that_it_is_there() {
    let disk = disk_with(&[1]).await;
    let log = log_on(Arc::clone(&disk));
    let mut written = Vec::new();
    for fingerprint in ["f", "f", "other"] {
        let night = Night { fingerprint, ..night(2) };
        written.push(write(&log, night).await.unwrap().unwrap_or_else(|_| panic!()));
    }
    let mut ends = Vec::new();
    for written in written {
        ends.push(commit(&log, written).await.unwrap());
    }
    let [
        Published::Committed { record, .. },
        Published::Done(done),
        Published::Refused(Refusal::Differs(_)),
    ] = &ends[..]
    else {
        panic!("{ends:?}")
    };
    assert_eq!(record.attempt_id, done.attempt_id);
    let (records, nights) = read(&disk).await;
    assert_eq!((records.len(), nights.len()), (2, 2));
    // What lost is gone: two nights of a file and a manifest each, two records, the hint.
    assert_eq!(objects(&*disk).await.len(), 2 * 2 + 2 + 1);
}

#[tokio::test]
async fn of_many_writers_at_once_exactly_one_commits() {
    let disk = disk_with(&[]).await;
    let runs = (0..8).map(|_| SpawnedTask::spawn(run(Arc::clone(&disk), night(1))).join());
    let ends: Vec<_> = futures::future::join_all(runs)
        .await
        .into_iter()
        .map(|end| end.unwrap().unwrap())
        .collect();
    let committed = ends.iter().filter(|end| matches!(end, Published::Committed { .. })).count();
    assert!(
        committed == 1
            && ends.iter().all(|e| matches!(e, Published::Committed { .. } | Published::Done(_))),
        "{ends:?}"
    );
    assert_eq!(read(&disk).await.0.len(), 1);
}

/// Puts a record of another kind behind the last one.
async fn foreign(disk: &Arc<dyn ObjectStore>, kind: Kind, change: impl Fn(&mut Record)) {
    let last = read(disk).await.0.pop().unwrap();
    let mut record =
        Record { kind, version: last.version + 1, as_of: None, run_key: None, feed: None, ..last };
    record.attempt_id = attempt_id();
    change(&mut record);
    let path = Path::from(format!("log/{:020}.json", record.version));
    disk.put(&path, PutPayload::from(serde_json::to_vec(&record).unwrap())).await.unwrap();
}

#[tokio::test]
async fn every_record_between_base_and_slot_is_judged_and_not_the_last_alone() {
    let prepared = async || {
        let disk = disk_with(&[1]).await;
        let log = log_on(Arc::clone(&disk));
        let written = write(&log, night(4)).await.unwrap().unwrap_or_else(|_| panic!());
        (disk, log, written)
    };

    // A hold that has been released since: what was computed is older than it.
    let (disk, log, written) = prepared().await;
    foreign(&disk, Kind::Hold, |record| record.state.held = Some("migration".into())).await;
    foreign(&disk, Kind::Release, |record| record.state.held = None).await;
    let end = commit(&log, written).await.unwrap();
    assert!(
        matches!(&end, Published::Refused(Refusal::Held(why)) if why == "migration"),
        "{end:?}"
    );

    // My attempt is named for deletion, and a harmless record follows.
    let (disk, log, written) = prepared().await;
    let mine = written.draft.author.attempt_id.clone();
    foreign(&disk, Kind::Vacuum, |record| record.state.stale.push(mine.clone())).await;
    foreign(&disk, Kind::Release, |_| ()).await;
    assert!(matches!(commit(&log, written).await.unwrap(), Published::Restart));

    // A night came between the previous one and mine.
    let (disk, log, written) = prepared().await;
    run(Arc::clone(&disk), night(3)).await.unwrap();
    assert!(matches!(commit(&log, written).await.unwrap(), Published::Restart));

    // A newer night is current.
    let (disk, log, written) = prepared().await;
    run(Arc::clone(&disk), night(9)).await.unwrap();
    let end = commit(&log, written).await.unwrap();
    assert!(
        matches!(&end, Published::Refused(Refusal::Late(current)) if *current == date(9)),
        "{end:?}"
    );

    // Nothing that concerns me: the slot behind is mine.
    let (disk, log, written) = prepared().await;
    foreign(&disk, Kind::Vacuum, |record| record.state.stale.push("somebody".into())).await;
    foreign(&disk, Kind::Release, |_| ()).await;
    let end = commit(&log, written).await.unwrap();
    let Published::Committed { record, .. } = end else { panic!("{end:?}") };
    assert_eq!((record.version, &record.state.stale[..]), (4, &["somebody".to_owned()][..]));
}

#[tokio::test]
async fn a_restarted_night_stands_on_the_one_that_came_between() {
    let disk = disk_with(&[1]).await;
    let log = log_on(Arc::clone(&disk));
    let written = write(&log, night(4)).await.unwrap().unwrap_or_else(|_| panic!());
    run(Arc::clone(&disk), night(3)).await.unwrap();
    assert!(matches!(commit(&log, written).await.unwrap(), Published::Restart));
    run(Arc::clone(&disk), night(4)).await.unwrap();
    let (records, nights) = read(&disk).await;
    assert_eq!(records[2].previous.as_ref(), Some(&records[1].attempt_id));
    assert_eq!(nights.keys().copied().collect::<Vec<_>>(), [1, 3, 4]);
}
