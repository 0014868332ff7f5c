//! Opens a store from a location: a path, or a URL with its scheme's standard environment variables.

use std::collections::BTreeMap;
use std::path::{Component, Path as FsPath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::http::HttpBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ClientConfigKey, ClientOptions, ObjectStore, RetryConfig};
use url::Url;

use super::redact;
use super::throttle::{PATIENCE, PatientConnector};
use crate::config::RETRY_TIMEOUT;
use crate::error::{Error, Result};

/// A place in a store: what a location names.
#[derive(Debug, Clone)]
pub struct Root {
    /// The store.
    pub store: Arc<dyn ObjectStore>,
    /// The place in it.
    pub prefix: Path,
    /// For people: where it is, without secrets.
    pub shown: String,
    /// On this machine's disks: the folder.
    pub local: Option<PathBuf>,
    secrets: Vec<String>,
}

impl Root {
    /// Opens `location`; a path is taken from `base`.
    ///
    /// # Errors
    /// A URL that is none, of an unknown scheme, or settings that its store does not accept.
    pub fn open(location: &str, base: &FsPath, options: &BTreeMap<String, String>) -> Result<Self> {
        let secrets = secrets(options);
        let setting = |cause: String| {
            Error::Setting {
            message: redact(&format!("cannot use the location `{location}`: {cause}"), &secrets),
            help: "locations are paths, file://, s3://, gs://, az:// or abfss:// URLs, and http(s):// for \
                   reading; options stand under [object_store] or in the store's environment variables"
                .to_owned(),
        }
        };
        let url = match location.contains("://") {
            true => Url::parse(location).map_err(|error| setting(error.to_string()))?,
            false => return Self::local(&base.join(location), secrets.clone()).map_err(setting),
        };
        let patience = patience(options).map_err(setting)?;
        let connector = PatientConnector { patience };
        let store: Arc<dyn ObjectStore> = match url.scheme() {
            "file" => {
                let path = url.to_file_path();
                let path = path.map_err(|()| setting("no path of this machine".to_owned()))?;
                return Self::local(&path, secrets.clone()).map_err(setting);
            }
            "s3" | "s3a" => {
                let mut builder = AmazonS3Builder::from_env().with_url(url.as_str());
                for (key, value) in options {
                    if let Ok(key) = key.parse::<AmazonS3ConfigKey>() {
                        builder = builder.with_config(key, value);
                    }
                }
                for key in [AmazonS3ConfigKey::Endpoint, AmazonS3ConfigKey::S3Endpoint] {
                    // The client would panic at its first request.
                    if let Some(Err(error)) =
                        builder.get_config_value(&key).map(|endpoint| Url::parse(&endpoint))
                    {
                        return Err(setting(format!("the endpoint is no URL ({error})")));
                    }
                }
                builder
                    .with_http_connector(connector)
                    .with_retry(retry())
                    .build()
                    .map(|store| Arc::new(store) as _)
            }
            "gs" => {
                let mut builder = GoogleCloudStorageBuilder::from_env().with_url(url.as_str());
                for (key, value) in options {
                    if let Ok(key) = key.parse::<GoogleConfigKey>() {
                        builder = builder.with_config(key, value);
                    }
                }
                builder
                    .with_http_connector(connector)
                    .with_retry(retry())
                    .build()
                    .map(|store| Arc::new(store) as _)
            }
            "az" | "azure" | "adl" | "abfs" | "abfss" => {
                let mut builder = MicrosoftAzureBuilder::from_env().with_url(url.as_str());
                for (key, value) in options {
                    if let Ok(key) = key.parse::<AzureConfigKey>() {
                        builder = builder.with_config(key, value);
                    }
                }
                builder
                    .with_http_connector(connector)
                    .with_retry(retry())
                    .build()
                    .map(|store| Arc::new(store) as _)
            }
            "http" | "https" => {
                let mut client = ClientOptions::new().with_allow_http(true);
                for (key, value) in options {
                    if let Ok(key) = key.parse::<ClientConfigKey>() {
                        client = client.with_config(key, value);
                    }
                }
                let origin = &url[..url::Position::BeforePath];
                HttpBuilder::new()
                    .with_url(origin)
                    .with_client_options(client)
                    .with_http_connector(connector)
                    .with_retry(retry())
                    .build()
                    .map(|store| Arc::new(store) as _)
            }
            other => return Err(setting(format!("unknown scheme `{other}`"))),
        }
        .map_err(|error| setting(error.to_string()))?;
        let prefix = Path::from_url_path(url.path()).map_err(|error| setting(error.to_string()))?;
        let shown = redact(location, &secrets).trim_end_matches('/').to_owned();
        Ok(Self { store, prefix, shown, local: None, secrets })
    }

    /// The top of a store that is open already, for whoever embeds Roster; `shown` is what people read.
    #[must_use]
    pub fn of_store(store: Arc<dyn ObjectStore>, shown: &str) -> Self {
        let (prefix, shown) = (Path::default(), shown.to_owned());
        Self { store, prefix, shown, local: None, secrets: Vec::new() }
    }

    fn local(path: &FsPath, secrets: Vec<String>) -> Result<Self, String> {
        let path = std::path::absolute(path).map_err(|error| error.to_string())?;
        let path = without_dots(&path);
        let prefix = Path::from_absolute_path(&path).map_err(|error| error.to_string())?;
        let store = Arc::new(LocalFileSystem::new());
        let shown = path.display().to_string().trim_end_matches('/').to_owned();
        Ok(Self { store, prefix, shown, local: Some(path), secrets })
    }

    /// The place `path` below this one.
    #[must_use]
    pub fn path(&self, path: &str) -> Path {
        self.prefix.parts().chain(Path::from(path).parts()).collect()
    }

    /// Where `path` of the store is, for people and for readers.
    #[must_use]
    pub fn show(&self, path: &Path) -> String {
        match path.prefix_match(&self.prefix) {
            Some(parts) => {
                let parts: Vec<_> = parts.map(|part| part.as_ref().to_owned()).collect();
                if parts.is_empty() {
                    self.shown.clone()
                } else {
                    format!("{}/{}", self.shown, parts.join("/"))
                }
            }
            None => path.to_string(),
        }
    }

    /// `text` without the secrets of this place.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        redact(text, &self.secrets)
    }

    /// On local disks: removes folders that became empty, from the one that held `path` up to the output root, which
    /// stays as its owner made it.
    pub fn remove_empty_folders(&self, path: &Path) {
        let Some(root) = &self.local else { return };
        let names: Vec<_> = path.prefix_match(&self.prefix).into_iter().flatten().collect();
        for depth in (1..names.len()).rev() {
            let below = names[..depth].iter().map(|part| part.as_ref().to_owned());
            let folder = below.fold(root.clone(), |folder, name| folder.join(name));
            if std::fs::remove_dir(folder).is_err() {
                return; // not empty, or somebody else was faster
            }
        }
    }

    /// Says what a store's refusal means.
    #[must_use]
    pub fn error(&self, doing: &'static str, path: &Path, error: &object_store::Error) -> Error {
        let (cause, help) = (self.redact(&innermost(error)), advice(error));
        Error::Store { doing, url: self.show(path), cause, help }
    }

    /// The same error; where it would show a secret, its redacted text.
    pub(super) fn without_secrets(&self, error: object_store::Error) -> object_store::Error {
        let told = innermost(&error);
        let clean = self.redact(&told);
        if clean == told {
            return error;
        }
        object_store::Error::Generic { store: "redacted", source: clean.into() }
    }
}

/// What to do about a store's refusal.
#[must_use]
pub fn advice(error: &object_store::Error) -> &'static str {
    use object_store::Error as Cause;
    let told = error.to_string();
    // Of lists, and of whatever was redacted, the text alone says it.
    let answered = |status: &str| told.contains(&format!("status code: {status}"));
    match error {
        // Where nothing else is set, the clouds' clients ask the machine's metadata service; a proxy may refuse that.
        _ if told.contains("169.254.169.254") => {
            "no credentials were found: set the store's environment variables (AWS_ACCESS_KEY_ID ...) or [object_store]"
        }
        Cause::PermissionDenied { .. } | Cause::Unauthenticated { .. } => CREDENTIALS,
        _ if answered("401") || answered("403") => CREDENTIALS,
        Cause::NotFound { .. } => ABSENT,
        _ if answered("404") => ABSENT,
        Cause::NotSupported { .. } | Cause::NotImplemented { .. } => {
            "this store can not do that: http(s) locations are for reading only"
        }
        _ => "check that the store answers and has room, then run the same command again",
    }
}

const CREDENTIALS: &str = "the job's credentials need list and read there, and write below the output; check them, then run again";
const ABSENT: &str = "check that the bucket or folder exists, then run again";

/// The error and what caused it, without the layers that only repeat it.
fn innermost(error: &object_store::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}

/// For all but throttling, which has had its patience when it comes here.
fn retry() -> RetryConfig {
    // A person or an orchestrator waits: half a minute of silence is an answer.
    RetryConfig { retry_timeout: Duration::from_secs(30), max_retries: 5, ..RetryConfig::default() }
}

fn patience(options: &BTreeMap<String, String>) -> Result<Duration, String> {
    let Some(text) = options.get(RETRY_TIMEOUT) else { return Ok(PATIENCE) };
    let patience = humantime::parse_duration(text);
    patience.map_err(|error| {
        format!("{RETRY_TIMEOUT} = \"{text}\" is no time ({error}); write 75s or 2m")
    })
}

/// Values that must not be shown: those of options and variables whose names say so.
fn secrets(options: &BTreeMap<String, String>) -> Vec<String> {
    let variables = std::env::vars()
        .filter(|(name, _)| ["AWS_", "AZURE_", "GOOGLE_"].iter().any(|p| name.starts_with(p)));
    let options = options.iter().map(|(name, value)| (name.clone(), value.clone()));
    variables
        .chain(options)
        .filter(|(name, value)| {
            let name = name.to_lowercase();
            // Short values would blot out half a message; no real secret is that short.
            ["secret", "token", "password", "key", "sas"].iter().any(|part| name.contains(part))
                && value.len() >= 6
        })
        .map(|(_, value)| value)
        .collect()
}

/// `.` and `..` resolved in the text, as a URL's are: links are followed by the file system only.
fn without_dots(path: &FsPath) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(location: &str) -> Result<Root> {
        Root::open(location, FsPath::new("/project"), &BTreeMap::new())
    }

    #[test]
    fn locations_name_one_place_however_they_are_written() {
        let shown = |location| open(location).unwrap().shown;
        assert_eq!(shown("a/../b/"), "/project/b");
        assert_eq!(shown("file:///x/a%20b"), "/x/a b");
        assert_eq!(shown("https://user:pw@host/x/"), "https://host/x");
        let spaced = open("with space/#1").unwrap();
        assert_eq!(spaced.show(&spaced.path("t/e.parquet")), "/project/with space/#1/t/e.parquet");
    }

    #[test]
    fn an_unknown_scheme_is_a_setting_and_not_a_store_to_retry() {
        assert_eq!(open("ftp://host/x").unwrap_err().exit_code(), 2);
    }
}
