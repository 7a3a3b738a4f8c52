//! Image references, by the grammar of the distribution project
//! (<https://github.com/distribution/reference>): `[DOMAIN/]PATH[:TAG][@DIGEST]`.

use std::sync::LazyLock;

use regex::Regex;

/// An image reference in canonical form: `nginx` is `docker.io/library/nginx`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageReference {
    /// Registry host with port.
    pub domain: String,
    /// Repository path.
    pub path: String,
    /// Tag, when given.
    pub tag: Option<String>,
    /// Digest (`sha256:…`), when given.
    pub digest: Option<String>,
}

/// Why a text is no image reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseReferenceError {
    /// The text is empty.
    #[error("an image reference must not be empty")]
    Empty,
    /// Repository names are lower case.
    #[error("repository name of `{0}` must be lowercase")]
    UpperCase(String),
    /// It does not follow the grammar.
    #[error("`{0}` is no valid image reference: expected [HOST[:PORT]/]PATH[:TAG][@DIGEST]")]
    Format(String),
}

/// A registry host with its port.
const DOMAIN: &str = r"(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?";

static HOST: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(&format!("^{DOMAIN}$")).expect("the grammar is a valid expression"));

static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
    let component = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*";
    let pattern = format!(
        r"^(?:(?P<domain>{DOMAIN})/)?(?P<path>{component}(?:/{component})*)(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}}))?(?:@(?P<digest>[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{{32,}}))?$"
    );
    Regex::new(&pattern).expect("the grammar is a valid expression")
});

impl ImageReference {
    /// Parses the familiar or canonical form.
    pub fn parse(text: &str) -> Result<Self, ParseReferenceError> {
        if text.is_empty() {
            return Err(ParseReferenceError::Empty);
        }
        let (domain, rest) = split_domain(text);
        if !HOST.is_match(&domain) {
            return Err(ParseReferenceError::Format(text.to_owned()));
        }
        let captures = REFERENCE.captures(&rest).ok_or_else(|| {
            let lower = text.to_lowercase();
            if lower != text && REFERENCE.is_match(&split_domain(&lower).1) {
                ParseReferenceError::UpperCase(text.to_owned())
            } else {
                ParseReferenceError::Format(text.to_owned())
            }
        })?;
        // `split_domain` has taken the domain away, so what looks like one here is part of the path.
        let path = match captures.name("domain") {
            Some(first) => {
                let component = first.as_str();
                if component.chars().any(|c| c.is_ascii_uppercase()) || component.contains(':') {
                    return Err(if component.contains(':') {
                        ParseReferenceError::Format(text.to_owned())
                    } else {
                        ParseReferenceError::UpperCase(text.to_owned())
                    });
                }
                format!("{component}/{}", &captures["path"])
            }
            None => captures["path"].to_owned(),
        };
        Ok(Self {
            domain,
            path,
            tag: captures.name("tag").map(|tag| tag.as_str().to_owned()),
            digest: captures.name("digest").map(|digest| digest.as_str().to_owned()),
        })
    }

    /// Whether both name the same repository.
    pub fn same_repository(&self, other: &Self) -> bool {
        self.domain == other.domain && self.path == other.path
    }

    /// The repository as people write it: without `docker.io/` and `library/`.
    pub fn familiar_name(&self) -> String {
        if self.domain == "docker.io" {
            self.path.strip_prefix("library/").filter(|rest| !rest.contains('/')).unwrap_or(&self.path).to_owned()
        } else {
            format!("{}/{}", self.domain, self.path)
        }
    }

    /// The same repository with another tag and no digest.
    #[must_use]
    pub fn with_tag(&self, tag: impl Into<String>) -> Self {
        Self { tag: Some(tag.into()), digest: None, ..self.clone() }
    }
}

impl std::fmt::Display for ImageReference {
    /// The familiar form.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.familiar_name())?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// Splits off the registry host the way Docker does: the first component is a host if it has a dot or a port,
/// is `localhost`, or has upper-case letters.
fn split_domain(text: &str) -> (String, String) {
    let (domain, rest) = match text.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':']) || first == "localhost" || first.chars().any(|c| c.is_ascii_uppercase()) =>
        {
            (first, rest)
        }
        _ => ("docker.io", text),
    };
    let domain = if domain == "index.docker.io" { "docker.io" } else { domain };
    let rest = if domain == "docker.io" && !rest.contains('/') { format!("library/{rest}") } else { rest.to_owned() };
    (domain.to_owned(), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: (&str, &str, Option<&str>), familiar: &str) {
        let reference = ImageReference::parse(text).expect(text);
        assert_eq!((reference.domain.as_str(), reference.path.as_str(), reference.tag.as_deref()), expected, "{text}");
        assert_eq!(reference.to_string(), familiar);
    }

    #[test]
    fn familiar_forms_are_normalised() {
        check("nginx", ("docker.io", "library/nginx", None), "nginx");
        check("nginx:1.25", ("docker.io", "library/nginx", Some("1.25")), "nginx:1.25");
        check("foo/bar", ("docker.io", "foo/bar", None), "foo/bar");
        check("gcr.io/x/y:tag", ("gcr.io", "x/y", Some("tag")), "gcr.io/x/y:tag");
        check("localhost:5000/a_b", ("localhost:5000", "a_b", None), "localhost:5000/a_b");
        check("[::1]:5000/q:1", ("[::1]:5000", "q", Some("1")), "[::1]:5000/q:1");
        check("a/b/c/d", ("docker.io", "a/b/c/d", None), "a/b/c/d");
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for text in
            ["", "a:ä", "Foo", "a b", "a:", "a//b", "-a", "a:b:c", "a@b", "a..b/c", "[::1/q", "a_b.c/q", "a:b/q"]
        {
            assert!(ImageReference::parse(text).is_err(), "{text}");
        }
        assert_eq!(ImageReference::parse("Foo"), Err(ParseReferenceError::UpperCase("Foo".into())));
    }
}
