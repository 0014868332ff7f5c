//! A proxy before a store, which fails chosen requests in the ways that networks and stores do.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::http::{Answer, HttpServer, Request, Response};

/// How a request fails.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// Not done, and answered with this error.
    Refused(u16, &'static str),
    /// Done, and answered with this error.
    Applied(u16, &'static str),
    /// Done, and the connection ends without an answer.
    Dropped,
    /// Done, and never answered.
    Hung,
    /// Done, and answered after a while.
    Late(Duration),
    /// Half of the answer's body, then the end.
    Truncated,
    /// Half of the answer's body, then silence.
    Stalled,
    /// The answer's body a byte a second.
    Trickling,
    /// Another answer than the store's.
    Edited(fn(&mut Response)),
}

/// Which requests fail.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    /// Empty is any.
    pub(crate) method: &'static str,
    /// In path and query.
    pub(crate) part: &'static str,
    /// This many of them.
    pub(crate) times: usize,
    /// Only once another rule has been followed.
    pub(crate) later: bool,
    pub(crate) fault: Fault,
}

pub(crate) const ALWAYS: usize = usize::MAX;

pub(crate) fn rule(method: &'static str, part: &'static str, times: usize, fault: Fault) -> Rule {
    Rule { method, part, times, later: false, fault }
}

pub(crate) struct Proxy {
    server: HttpServer,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    followed: usize,
    calls: Vec<String>,
}

impl Proxy {
    pub(crate) fn before(port: u16) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let server = HttpServer::start(move |request| {
            let fault = shared.lock().unwrap().choose(&request);
            let done = || match request.forward(port) {
                Ok(response) => response,
                Err(error) => Response::error(502, &error.to_string()),
            };
            match fault {
                None => Answer::Whole(done()),
                Some(Fault::Refused(status, code)) => Answer::Whole(Response::error(status, code)),
                Some(Fault::Applied(status, code)) => {
                    done();
                    Answer::Whole(Response::error(status, code))
                }
                Some(Fault::Dropped) => {
                    done();
                    Answer::Dropped
                }
                Some(Fault::Hung) => {
                    done();
                    Answer::Hung
                }
                Some(Fault::Late(wait)) => {
                    let response = done();
                    std::thread::sleep(wait);
                    Answer::Whole(response)
                }
                Some(Fault::Truncated) => Answer::Truncated(done()),
                Some(Fault::Stalled) => Answer::Stalled(done()),
                Some(Fault::Trickling) => Answer::Trickling(done()),
                Some(Fault::Edited(edit)) => {
                    let mut response = done();
                    edit(&mut response);
                    Answer::Whole(response)
                }
            }
        });
        Self { server, state }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// From now on these; what was counted is forgotten.
    pub(crate) fn fail(&self, rules: &[Rule]) {
        *self.state.lock().unwrap() = State { rules: rules.to_vec(), ..State::default() };
    }

    /// How many requests have failed.
    pub(crate) fn followed(&self) -> usize {
        self.state.lock().unwrap().followed
    }

    /// The requests so far: method, path and query.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.state.lock().unwrap().calls.clone()
    }
}

impl State {
    fn choose(&mut self, request: &Request) -> Option<Fault> {
        self.calls.push(format!("{} {}", request.method, request.target));
        let followed = self.followed > 0;
        let rule = self.rules.iter_mut().find(|rule| {
            rule.times > 0
                && (followed || !rule.later)
                && (rule.method.is_empty() || rule.method == request.method)
                && request.target.contains(rule.part)
        })?;
        rule.times = rule.times.saturating_sub(usize::from(rule.times != ALWAYS));
        self.followed += 1;
        Some(rule.fault)
    }
}
