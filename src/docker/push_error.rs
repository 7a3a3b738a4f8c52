//! Why an image could not be pushed.

use super::engine_error::EngineError;

/// Why an image could not be pushed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// The registry does not answer.
    #[error(
        "the registry `{registry}` did not answer for {seconds} s ({message}): start it, or check default_registry"
    )]
    RegistryDown {
        /// Host with port.
        registry: String,
        /// How long it was tried.
        seconds: u64,
        /// In the engine's words.
        message: String,
    },
    /// The registry does not let us.
    #[error(
        "the registry `{registry}` refuses `{reference}` ({message}): `docker login {registry}`, or set default_registry to one that you may push to"
    )]
    Denied {
        /// Host with port.
        registry: String,
        /// What was to be pushed.
        reference: String,
        /// In the registry's words.
        message: String,
    },
    /// The registry speaks HTTP, which the engine does not accept from it.
    #[error(
        "the registry `{registry}` speaks HTTP and the engine wants HTTPS: add it to `insecure-registries` in the engine's daemon.json"
    )]
    Insecure {
        /// Host with port.
        registry: String,
    },
    /// The engine's side of it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Anything else.
    #[error("`{reference}` cannot be pushed: {message}")]
    Other {
        /// What was to be pushed.
        reference: String,
        /// In the engine's words.
        message: String,
    },
}

impl PushError {
    /// From the engine's words.
    pub(super) fn classify(registry: &str, reference: &str, message: &str) -> Self {
        let has = |signs: &[&str]| signs.iter().any(|sign| message.contains(sign));
        let registry = registry.to_owned();
        if has(&["server gave HTTP response to HTTPS client"]) {
            return Self::Insecure { registry };
        }
        if has(&[
            "denied",
            "unauthorized",
            "authentication required",
            "no basic auth credentials",
            "insufficient_scope",
        ]) {
            return Self::Denied { registry, reference: reference.to_owned(), message: message.to_owned() };
        }
        if has(&["does not exist locally", "No such image", "no such image"]) {
            return EngineError::NoSuchImage(reference.to_owned()).into();
        }
        let is_network = [
            "connection refused",
            "no such host",
            "i/o timeout",
            "connection reset",
            "EOF",
            "no route to host",
            "network is unreachable",
            "TLS handshake timeout",
            "Client.Timeout",
            "server misbehaving",
            "502 Bad Gateway",
            "503 Service Unavailable",
        ];
        if has(&is_network) {
            return Self::RegistryDown { registry, seconds: 0, message: message.to_owned() };
        }
        Self::Other { reference: reference.to_owned(), message: message.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engines_words_are_understood() {
        let classify = |message| PushError::classify("r:1", "r:1/a", message);
        let refused = r#"Get "http://r:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused"#;
        assert!(matches!(classify(refused), PushError::RegistryDown { .. }));
        assert!(matches!(classify("denied: requested access to the resource is denied"), PushError::Denied { .. }));
        let https = r#"Get "https://r:1/v2/": http: server gave HTTP response to HTTPS client"#;
        assert!(matches!(classify(https), PushError::Insecure { .. }));
        let gone = "An image does not exist locally with the tag: r:1/a";
        assert!(matches!(classify(gone), PushError::Engine(EngineError::NoSuchImage(_))));
    }
}
