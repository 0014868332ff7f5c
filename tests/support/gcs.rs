//! As much of Google's XML API as `object_store` speaks: no package serves it.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use chrono::{DateTime, Utc};

use super::http::{Answer, HttpServer, Request, Response};

/// Objects of a page of a list: few, so that there are further pages.
const PAGE: usize = 5;

#[derive(Default)]
struct Bucket {
    objects: BTreeMap<String, Object>,
    uploads: HashMap<String, BTreeMap<usize, Vec<u8>>>,
    generation: u64,
}

struct Object {
    bytes: Vec<u8>,
    generation: u64,
    modified: DateTime<Utc>,
}

impl Object {
    fn etag(&self) -> String {
        format!("\"g{}\"", self.generation)
    }
}

/// A server with one bucket, `lake`.
pub(crate) fn gcs() -> HttpServer {
    let bucket = Mutex::new(Bucket::default());
    HttpServer::start(move |request| Answer::Whole(bucket.lock().unwrap().answer(&request)))
}

type Query = HashMap<String, String>;

impl Bucket {
    fn answer(&mut self, request: &Request) -> Response {
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let query: Query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let path = percent_encoding::percent_decode_str(path).decode_utf8().unwrap();
        let Some(key) = path.strip_prefix("/lake") else {
            return Response::error(404, "NoSuchBucket");
        };
        let key = key.trim_start_matches('/');
        match (request.method.as_str(), query.get("uploadId")) {
            ("GET", None) if key.is_empty() => self.list(&query),
            ("GET" | "HEAD", None) => self.get(key, request),
            ("PUT", None) => self.put(key, request),
            ("DELETE", None) => match self.objects.remove(key) {
                Some(_) => Response::new(204, &[], ""),
                None => Response::error(404, "NoSuchKey"),
            },
            ("POST", None) if query.contains_key("uploads") => self.initiate(),
            ("PUT", Some(upload)) => self.part(upload, &query, request),
            ("POST", Some(upload)) => self.complete(key, upload, request),
            ("DELETE", Some(upload)) => {
                self.uploads.remove(upload);
                Response::new(204, &[], "")
            }
            _ => Response::error(501, "NotImplemented"),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a server has a clock of its own")]
    fn store(&mut self, key: &str, bytes: Vec<u8>) -> &Object {
        self.generation += 1;
        let object = Object { bytes, generation: self.generation, modified: Utc::now() };
        self.objects.insert(key.to_owned(), object);
        &self.objects[key]
    }

    fn put(&mut self, key: &str, request: &Request) -> Response {
        let there = self.objects.get(key).map_or(0, |object| object.generation);
        let wanted = request.header("x-goog-if-generation-match");
        if wanted.is_some_and(|wanted| wanted != there.to_string()) {
            return Response::error(412, "PreconditionFailed");
        }
        let object = self.store(key, request.body.clone());
        let generation = object.generation.to_string();
        Response::new(200, &[("ETag", &object.etag()), ("x-goog-generation", &generation)], "")
    }

    fn get(&self, key: &str, request: &Request) -> Response {
        let Some(object) = self.objects.get(key) else {
            return Response::error(404, "NoSuchKey");
        };
        let (etag, size) = (object.etag(), object.bytes.len());
        if request.header("if-match").is_some_and(|wanted| wanted != etag) {
            return Response::error(412, "PreconditionFailed");
        }
        if request.header("if-none-match") == Some(&etag) {
            return Response::new(304, &[("ETag", &etag)], "");
        }
        let range = request.header("range").and_then(|range| {
            let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
            let to = to.parse().map_or(size, |to: usize| size.min(to + 1));
            Some(from.parse().ok()?..to)
        });
        let (generation, modified) = (object.generation.to_string(), object.modified.to_rfc2822());
        let headers = [
            ("ETag", etag.as_str()),
            ("Last-Modified", &modified),
            ("x-goog-generation", &generation),
        ];
        match range {
            Some(range) if range.start >= size => Response::error(416, "InvalidRange"),
            Some(range) => {
                let part = format!("bytes {}-{}/{size}", range.start, range.end - 1);
                let headers = [&headers[..], &[("Content-Range", &part)]].concat();
                Response::new(206, &headers, &object.bytes[range])
            }
            None => Response::new(200, &headers, object.bytes.as_slice()),
        }
    }

    fn list(&self, query: &Query) -> Response {
        let prefix = query.get("prefix").map_or("", String::as_str);
        let after = query.get("continuation-token").or(query.get("start-after"));
        let after = after.map_or("", String::as_str);
        let (mut contents, mut folders, mut last) = (Vec::new(), Vec::<String>::new(), None);
        let matching =
            self.objects.iter().filter(|(key, _)| key.starts_with(prefix) && key.as_str() > after);
        let mut next = String::new();
        for (key, object) in matching {
            if contents.len() == PAGE {
                let token = escape(last.unwrap_or_default());
                next = format!("<NextContinuationToken>{token}</NextContinuationToken>");
                break;
            }
            last = Some(key);
            let folder = query.get("delimiter").and_then(|by| key[prefix.len()..].split_once(by));
            match folder {
                Some((name, _)) => folders.push(format!("{prefix}{name}/")),
                None => contents.push(format!(
                    "<Contents><Key>{}</Key><Size>{}</Size><LastModified>{}</LastModified><ETag>{}</ETag></Contents>",
                    escape(key),
                    object.bytes.len(),
                    object.modified.to_rfc3339(),
                    object.etag().replace('"', "&quot;")
                )),
            }
        }
        folders.dedup();
        let folder = |name: &String| {
            format!("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", escape(name))
        };
        let folders: String = folders.iter().map(folder).collect();
        xml("ListBucketResult", &(contents.concat() + &folders + &next))
    }

    fn initiate(&mut self) -> Response {
        self.generation += 1;
        let upload = format!("upload-{}", self.generation);
        self.uploads.insert(upload.clone(), BTreeMap::new());
        xml("InitiateMultipartUploadResult", &format!("<UploadId>{upload}</UploadId>"))
    }

    fn part(&mut self, upload: &str, query: &Query, request: &Request) -> Response {
        let number = query.get("partNumber").and_then(|number| number.parse().ok());
        let (Some(parts), Some(number)) = (self.uploads.get_mut(upload), number) else {
            return Response::error(404, "NoSuchUpload");
        };
        parts.insert(number, request.body.clone());
        Response::new(200, &[("ETag", &format!("\"p{number}\""))], "")
    }

    fn complete(&mut self, key: &str, upload: &str, request: &Request) -> Response {
        let named = String::from_utf8_lossy(&request.body).matches("<PartNumber>").count();
        let Some(parts) = self.uploads.remove(upload) else {
            return Response::error(404, "NoSuchUpload");
        };
        if named != parts.len() {
            return Response::error(400, "InvalidPart");
        }
        let etag = self.store(key, parts.into_values().flatten().collect()).etag();
        let etag = etag.replace('"', "&quot;");
        xml("CompleteMultipartUploadResult", &format!("<ETag>{etag}</ETag>"))
    }
}

fn xml(element: &str, content: &str) -> Response {
    let body = format!("<?xml version=\"1.0\"?><{element}>{content}</{element}>");
    Response::new(200, &[("Content-Type", "application/xml")], body)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
