//! Waits out a store that answers "slow down", for as long as a night can bear, and says so.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};
use rand::Rng;

/// S3 lets a key's requests in again within a minute or so; a little more than that.
pub(super) const PATIENCE: Duration = Duration::from_secs(75);

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// What is over sooner is not worth a line of progress.
const FIRST_LINE: Duration = Duration::from_secs(1);
const NEXT_LINE: Duration = Duration::from_secs(10);

static LISTENER: OnceLock<fn(&str)> = OnceLock::new();

/// Names who is told that a store is waited for; the first one stays.
pub fn on_throttling(listener: fn(&str)) {
    let _ = LISTENER.set(listener);
}

/// The usual client, with patience for throttling. Its own retries know one number for all that can go wrong: a store that
/// can not be reached would be waited for as long as one that only asks for a pause.
#[derive(Debug)]
pub(super) struct PatientConnector {
    /// How long a store may answer nothing else.
    pub(super) patience: Duration,
}

#[derive(Debug)]
struct Patient {
    client: HttpClient,
    patience: Duration,
    /// Patience has run out, and the store has answered nothing else since: what is cleaned up afterwards does not wait as
    /// long again.
    given_up: AtomicBool,
}

impl HttpConnector for PatientConnector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = ReqwestConnector::default().connect(options)?;
        let (patience, given_up) = (self.patience, AtomicBool::new(false));
        Ok(HttpClient::new(Patient { client, patience, given_up }))
    }
}

#[async_trait]
impl HttpService for Patient {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        let (mut waited, mut wait, mut tell_at) = (Duration::ZERO, FIRST_WAIT, FIRST_LINE);
        loop {
            let response = self.client.execute(request.clone()).await?;
            // 429 Too Many Requests; 503 is S3's `SlowDown` and Azure's `ServerBusy`.
            if ![429, 503].contains(&response.status().as_u16()) {
                self.given_up.store(false, Ordering::Relaxed);
                return Ok(response);
            }
            let left = self.patience.saturating_sub(waited);
            if left.is_zero() {
                self.given_up.store(true, Ordering::Relaxed);
            }
            if self.given_up.load(Ordering::Relaxed) {
                return Ok(response);
            }
            if waited >= tell_at {
                tell(&host, waited, self.patience);
                tell_at = waited + NEXT_LINE;
            }
            // Not all requests at once again.
            let jittered = wait.mul_f64(rand::rng().random_range(0.5..1.0));
            let pause = jittered.min(left);
            tokio::time::sleep(pause).await;
            waited += pause;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}

fn tell(host: &str, waited: Duration, patience: Duration) {
    if let Some(tell) = LISTENER.get() {
        let (waited, patience) = (waited.as_secs(), patience.as_secs());
        tell(&format!("{host} asks to slow down: waited {waited} s for it, at most {patience} s"));
    }
}
