//! One scene played by one schedule: who makes the next operation of the store, and how it ends.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use futures::FutureExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode};
use roster::error::Error;

use super::actors::{Scope, follower, reader};
use super::ghost::{Ghost, bytes};
use super::planted::Bug;
use super::scenes::{Actor, FIRST, Scene, Work, run};
use super::store::{ALL, Fault, Flying, Gate, Operation, Stepping};

/// A reader or follower looks this often before all actors have ended; then once more.
const ROUNDS: usize = 4;

/// A night behind those of all scenes.
const NEXT_DAY: u32 = 28;

const MOST_STEPS: usize = 2000;

/// What a schedule does at a step, counted from 0, instead of going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Somebody else goes on, by name.
    Switch(char),
    /// The operation fails.
    Fail(Fault),
    /// A put in flight lands before it.
    Land,
    /// Everybody crashes.
    Stop,
}

/// Who begins after whom, and what happens otherwise. Written `AB 7:B 12:Lost 20:land`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Schedule {
    pub(super) order: String,
    pub(super) turns: BTreeMap<usize, Turn>,
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.order)?;
        for (step, turn) in &self.turns {
            match turn {
                Turn::Switch(name) => write!(f, " {step}:{name}")?,
                Turn::Fail(fault) => write!(f, " {step}:{fault:?}")?,
                Turn::Land => write!(f, " {step}:land")?,
                Turn::Stop => write!(f, " {step}:stop")?,
            }
        }
        Ok(())
    }
}

impl FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split(' ');
        let order = words.next().unwrap_or_default().to_owned();
        let turn = |word: &str| {
            let (step, turn) = word.split_once(':')?;
            let fault = |fault: &&Fault| format!("{fault:?}") == turn;
            let turn = match (turn, ALL.iter().find(fault)) {
                ("land", _) => Turn::Land,
                ("stop", _) => Turn::Stop,
                (_, Some(fault)) => Turn::Fail(*fault),
                (name, None) => Turn::Switch(name.parse().ok()?),
            };
            Some((step.parse().ok()?, turn))
        };
        let turns = words.map(|word| turn(word).ok_or_else(|| word.to_owned()));
        Ok(Self { order, turns: turns.collect::<Result<_, _>>()? })
    }
}

/// One operation, as it was played.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) who: char,
    pub(super) operation: Operation,
    pub(super) fault: Fault,
    /// Who could have gone on instead.
    pub(super) others: String,
    pub(super) flying: bool,
}

impl Step {
    /// Whether nobody else can tell when it happens: probes, and what comes back of one's own files.
    fn is_private(&self) -> bool {
        let path = &self.operation.path;
        let own = path.contains(&format!("/{}", self.who));
        let again = path.ends_with("manifest.json") || path.contains("/change/");
        path.starts_with("probe")
            || own && self.operation.verb != "delete" && (again || self.operation.verb != "put")
    }

    /// All that could have happened there instead.
    pub(super) fn alternatives(&self) -> Vec<Turn> {
        let faults = self.operation.faults().iter().copied().map(Turn::Fail);
        let mut all: Vec<_> = faults.filter(|_| self.who.is_uppercase()).collect();
        if !self.is_private() {
            all.extend(self.others.chars().map(Turn::Switch));
        }
        all.extend(self.flying.then_some(Turn::Land));
        all.extend(self.operation.is_critical().then_some(Turn::Stop));
        all
    }
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Played {
    pub(super) schedule: Schedule,
    pub(super) steps: Vec<Step>,
    pub(super) alarms: Vec<String>,
}

impl Played {
    /// The steps in words; what goes on undisturbed is left out.
    pub(super) fn told(&self) -> String {
        let mut told = Vec::new();
        let mut before = None;
        for (index, step) in self.steps.iter().enumerate() {
            let turn = self.schedule.turns.get(&index);
            let landed = if turn == Some(&Turn::Land) { "late put lands, " } else { "" };
            let fault = if step.fault == Fault::None {
                String::new()
            } else {
                format!(" ({:?})", step.fault)
            };
            let critical = step.operation.is_critical() || step.operation.verb == "list";
            if critical || turn.is_some() || before != Some(step.who) {
                let Operation { verb, path } = &step.operation;
                told.push(format!("{landed}{} {verb} {}{fault}", step.who, short(path)));
            }
            before = Some(step.who);
        }
        told.join(" > ")
    }
}

fn short(path: &str) -> String {
    let path = path.replace("/part-00000.parquet", "").replace(".json", "");
    path.replace("log/0000000000000000000", "log/")
}

type Working = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

/// Where a scene starts.
#[derive(Debug, Clone)]
pub(super) struct Start {
    scene: &'static Scene,
    disk: Arc<InMemory>,
    ghost: Ghost,
}

impl Start {
    /// The history is made by the right protocol, without faults.
    pub(super) async fn of(scene: &'static Scene) -> Self {
        let (disk, mut ghost) = (Arc::new(InMemory::new()), Ghost::default());
        ghost.knows(&[FIRST]);
        ghost.knows(scene.history);
        ghost.knows(scene.actors);
        let ghost = Arc::new(Mutex::new(ghost));
        for actor in [&FIRST].into_iter().chain(scene.history) {
            alone(&disk, &ghost, *actor, None).await.unwrap();
        }
        if scene.garbage {
            let night = ghost.lock().unwrap().current_at(1).attempt_id;
            let file = |id: &str| format!("tables/membership/{id}/part-00000.parquet");
            let rows = bytes(&disk, &file(&night)).unwrap();
            disk.put(&Path::from(file("G1")), rows.into()).await.unwrap();
        }
        let ghost = ghost.lock().unwrap().clone();
        Self { scene, disk, ghost }
    }

    pub(super) async fn play(&self, schedule: Schedule, bug: Option<Bug>) -> Played {
        World::new(self, bug).play(schedule).await
    }
}

/// An actor with the store to itself.
async fn alone(
    disk: &Arc<InMemory>,
    ghost: &Arc<Mutex<Ghost>>,
    actor: Actor,
    bug: Option<Bug>,
) -> Result<(), Error> {
    let gate = Arc::new(Mutex::new(Gate { open: true, ..Gate::default() }));
    let store = Stepping { disk: Arc::clone(disk), gate, flying: Arc::default() };
    let end = Scope::new(actor.name, store, ghost, bug).act(actor).await;
    ghost.lock().unwrap().look(disk);
    end
}

struct Participant {
    name: char,
    /// None for the reader and the follower, who look again and again.
    actor: Option<Actor>,
    scope: Scope,
    work: Option<Working>,
    rounds: usize,
    done: bool,
}

struct World {
    disk: Arc<InMemory>,
    ghost: Arc<Mutex<Ghost>>,
    participants: Vec<Participant>,
    flying: Arc<Mutex<Vec<Flying>>>,
    current: Option<char>,
    looks: VecDeque<char>,
    bug: Option<Bug>,
}

impl World {
    fn new(start: &Start, bug: Option<Bug>) -> Self {
        let disk = Arc::new(start.disk.fork());
        let ghost = Arc::new(Mutex::new(start.ghost.clone()));
        let flying = Arc::default();
        let participant = |name, actor| {
            let store = Stepping {
                disk: Arc::clone(&disk),
                gate: Arc::default(),
                flying: Arc::clone(&flying),
            };
            let scope = Scope::new(name, store, &ghost, bug);
            Participant { name, actor, scope, work: None, rounds: 0, done: false }
        };
        let actors = start.scene.actors.iter().map(|actor| participant(actor.name, Some(*actor)));
        let observers = ['r', 'f'].map(|name| participant(name, None));
        let participants = actors.chain(observers).collect();
        let (current, looks) = (None, VecDeque::new());
        Self { disk, ghost, participants, flying, current, looks, bug }
    }

    async fn play(mut self, schedule: Schedule) -> Played {
        let mut steps = Vec::new();
        let mut stopped = false;
        while let Some(mut who) = self.next(&schedule.order) {
            let turn = schedule.turns.get(&steps.len()).copied();
            match turn {
                Some(Turn::Switch(other)) if self.others(who).contains(other) => who = other,
                Some(Turn::Stop) => {
                    stopped = true;
                    break;
                }
                _ => {}
            }
            self.current = Some(who);
            let Some(operation) = self.arrive(who).await else { continue };
            if turn == Some(Turn::Land) {
                self.land().await;
            }
            let fault = match turn {
                Some(Turn::Fail(fault)) if operation.faults().contains(&fault) => fault,
                _ => Fault::None,
            };
            let critical = operation.is_critical();
            let flying = !self.flying.lock().unwrap().is_empty();
            steps.push(Step { who, operation, fault, others: self.others(who), flying });
            self.grant(who, fault).await;
            if critical {
                self.ghost.lock().unwrap().look(&self.disk);
            }
            let endless = steps.len() > MOST_STEPS;
            self.ghost.lock().unwrap().alarm(!endless, "a schedule does not end");
            if self.is_wrong() {
                break;
            }
        }
        // Reads that fail leave nothing behind that other failures do not.
        let writes = |step: &Step| matches!(step.operation.verb, "put" | "delete");
        let failed = steps.iter().any(|step| step.fault != Fault::None && writes(step));
        if (failed || stopped || schedule.turns.is_empty()) && !self.is_wrong() {
            self.recover().await;
        }
        if !stopped && !self.is_wrong() {
            while !self.flying.lock().unwrap().is_empty() {
                self.land().await;
            }
            if !self.is_wrong() {
                self.look_once_more().await;
            }
        }
        let alarms = std::mem::take(&mut self.ghost.lock().unwrap().alarms);
        Played { schedule, steps, alarms }
    }

    /// What goes on behind a violation may never end, as a reader does that resolves again and again.
    fn is_wrong(&self) -> bool {
        !self.ghost.lock().unwrap().alarms.is_empty()
    }

    /// Whoever is at it goes on; behind an actor the reader and the follower look once. Who was interrupted comes last: then
    /// all that others do lies between two of its operations.
    fn next(&mut self, order: &str) -> Option<char> {
        if let Some(current) = self.current {
            return Some(current);
        }
        while let Some(observer) = self.looks.pop_front() {
            if self.can_go_on(observer) {
                return Some(observer);
            }
        }
        let begun =
            |name: &char| self.participants.iter().any(|p| p.name == *name && p.work.is_some());
        let (interrupted, fresh): (Vec<_>, Vec<_>) =
            order.chars().filter(|name| self.can_go_on(*name)).partition(begun);
        fresh.into_iter().chain(interrupted).next()
    }

    fn can_go_on(&self, name: char) -> bool {
        let participant = self.participants.iter().find(|p| p.name == name);
        participant.is_some_and(|p| !p.done && (p.work.is_some() || p.rounds < ROUNDS))
    }

    fn others(&self, who: char) -> String {
        let others = self.participants.iter().map(|p| p.name);
        others.filter(|name| *name != who && self.can_go_on(*name)).collect()
    }

    fn participant(&mut self, name: char) -> &mut Participant {
        self.participants.iter_mut().find(|p| p.name == name).unwrap()
    }

    /// Lets a participant come to its next operation; none if it has ended.
    async fn arrive(&mut self, name: char) -> Option<Operation> {
        let participant = self.participant(name);
        let Participant { scope, actor, rounds, .. } = participant;
        let gate = Arc::clone(&scope.store.gate);
        let work = participant.work.get_or_insert_with(|| {
            *rounds += 1;
            let scope = scope.clone();
            match (actor, name) {
                (Some(actor), _) => Box::pin(scope.act(*actor)),
                (None, 'r') => Box::pin(reader(scope).map(Ok)),
                (None, _) => Box::pin(follower(scope).map(Ok)),
            }
        });
        // Pending without a wish is a back-off: the runtime wakes it.
        let end = poll_fn(|context| match work.poll_unpin(context) {
            Poll::Ready(end) => Poll::Ready(Some(end)),
            Poll::Pending if gate.lock().unwrap().wants.is_some() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        match end.await {
            None => gate.lock().unwrap().wants.clone(),
            Some(end) => {
                self.ended(name, Some(end));
                None
            }
        }
    }

    async fn grant(&mut self, name: char, fault: Fault) {
        if fault != Fault::None {
            self.ghost.lock().unwrap().failed.insert(name);
        }
        let participant = self.participant(name);
        {
            let mut gate = participant.scope.store.gate.lock().unwrap();
            gate.wants = None;
            gate.granted = (fault != Fault::CrashBefore).then_some(fault);
        }
        // What it does with the answer up to its next wish is of this step; a back-off is of the next.
        let end = match &mut participant.work {
            Some(work) => poll_fn(|context| Poll::Ready(work.poll_unpin(context))).await,
            None => Poll::Pending,
        };
        match end {
            _ if matches!(fault, Fault::CrashBefore | Fault::CrashAfter) => self.ended(name, None),
            Poll::Ready(end) => self.ended(name, Some(end)),
            Poll::Pending => {}
        }
    }

    /// None: it crashed.
    fn ended(&mut self, name: char, end: Option<Result<(), Error>>) {
        self.current = None;
        // A put in flight to a slot that is taken never lands.
        let free = |put: &&Flying| bytes(&self.disk, put.path.as_ref()).is_none();
        let flying = self.flying.lock().unwrap().clone();
        let flying: Vec<_> = flying.iter().filter(free).map(Flying::attempt_id).collect();
        let disk = Arc::clone(&self.disk);
        let participant = self.participant(name);
        participant.work = None;
        participant.scope.store.gate.lock().unwrap().wants = None;
        if let Some(actor) = participant.actor {
            participant.done = true;
            if let Some(end) = end {
                let mut ghost = participant.scope.ghost();
                ghost.look(&disk);
                ghost.exit(&actor, &end, &flying);
            }
            self.looks.extend(['r', 'f']);
        }
    }

    async fn land(&mut self) {
        let Some(put) = self.flying.lock().unwrap().pop() else { return };
        let _ = self.disk.put_opts(&put.path, put.payload, PutMode::Create.into()).await;
        self.ghost.lock().unwrap().look(&self.disk);
    }

    /// The reader and the follower find what is current.
    async fn look_once_more(&mut self) {
        for name in ['r', 'f', 'f', 'f'] {
            let mut scope = self.participant(name).scope.clone();
            scope.store.gate = Arc::new(Mutex::new(Gate { open: true, ..Gate::default() }));
            match name {
                'r' => reader(scope).await,
                _ if self.follows_all() => break,
                _ => follower(scope).await,
            }
        }
        let caught_up = self.follows_all() || self.is_wrong();
        self.ghost.lock().unwrap().alarm(caught_up, "feed: a follower does not catch up");
    }

    fn follows_all(&self) -> bool {
        let ghost = self.ghost.lock().unwrap();
        ghost.token == ghost.log.len() as u64
    }

    /// I7, beside the scene: nothing that is in flight lands any more.
    async fn recover(&self) {
        let disk = Arc::new(self.disk.fork());
        let mut ghost = self.ghost.lock().unwrap().clone();
        let next = [run('X', NEXT_DAY, "n"), Actor { name: 'Y', work: Work::Vacuum }];
        ghost.knows(&next);
        let ghost = Arc::new(Mutex::new(ghost));
        let mut ends = Vec::new();
        for actor in next {
            ends.push(alone(&disk, &ghost, actor, self.bug).await);
        }
        let mut ghost = ghost.lock().unwrap();
        ghost.recovered(&disk, NEXT_DAY, &ends);
        let mut outer = self.ghost.lock().unwrap();
        for alarm in &ghost.alarms {
            outer.alarm(false, alarm);
        }
    }
}
