//! Keeps secrets out of whatever is printed or written.

use std::sync::LazyLock;

use regex::Regex;

/// Credentials in a URL's userinfo, and query parameters that sign a request.
static SECRETS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?ix)
        (?P<userinfo> :// ) [^/@\s]+ @
        | (?P<parameter> [?&;\s] (?: sig | x-amz-[a-z-]+ | x-goog-[a-z-]+ | awsaccesskeyid | signature
            | access_token | token | password | secret ) = ) [^&\s)\x22']+ ",
    )
    .ok()
});

/// `text` without userinfo, signatures and the like. `known` are secret values themselves, from wherever they came.
#[must_use]
pub fn redact(text: &str, known: &[String]) -> String {
    let mut clean = match &*SECRETS {
        Some(secrets) => secrets
            .replace_all(text, |found: &regex::Captures<'_>| match found.name("userinfo") {
                Some(_) => "://".to_owned(),
                None => format!("{}***", &found["parameter"]),
            })
            .into_owned(),
        None => text.to_owned(),
    };
    for secret in known {
        clean = clean.replace(secret, "***");
    }
    clean
}

/// `text` with every secret of a URL made of stars, and every character in its place: carets still point at theirs.
#[must_use]
pub fn mask(text: &str) -> String {
    let parts = Regex::new(r"://([^/@\s\x22]+)@|[?&][A-Za-z0-9_-]+=([^&\s\x22]+)");
    let Ok(parts) = parts else { return text.to_owned() };
    let mut masked = text.to_owned();
    for found in parts.captures_iter(text) {
        if let Some(secret) = found.get(1).or_else(|| found.get(2)) {
            masked.replace_range(secret.range(), &"*".repeat(secret.len()));
        }
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opens_a_store_is_never_shown() {
        let shown = |text| redact(text, &["hunter2".to_owned()]);
        assert_eq!(shown("GET https://me:pw@h/x failed"), "GET https://h/x failed");
        assert_eq!(shown("(https://h/x?sv=1&sig=abc%3D&se=2)"), "(https://h/x?sv=1&sig=***&se=2)");
        assert_eq!(shown("https://h/?X-Amz-Signature=00ff"), "https://h/?X-Amz-Signature=***");
        assert_eq!(shown("key hunter2 was refused"), "key *** was refused");
        assert_eq!(shown("s3://lake/a=b/c.parquet"), "s3://lake/a=b/c.parquet");
    }

    #[test]
    fn what_is_masked_keeps_its_place() {
        assert_eq!(
            mask("x = \"s3://me:pw@b/?sig=abc&v=1\" # c"),
            "x = \"s3://*****@b/?sig=***&v=*\" # c"
        );
    }
}
