//! What can go wrong with a request to an engine that was reachable before.

/// What can go wrong with a request to an engine that was reachable before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// It does not answer (any more). Worth another try when it is back.
    #[error("the container engine does not answer ({0}): start it again, devloop goes on by itself")]
    Lost(String),
    /// There is no such image.
    #[error("no image `{0}` in the container engine")]
    NoSuchImage(String),
    /// It answered with an error.
    #[error("the container engine refused: {0}")]
    Refused(String),
    /// Cancelled by devloop.
    #[error("cancelled")]
    Cancelled,
}

impl EngineError {
    /// From bollard's error on a request about `image`.
    pub(super) fn about(image: &str, error: bollard::errors::Error) -> Self {
        match error {
            bollard::errors::Error::DockerResponseServerError { status_code: 404, .. } => {
                Self::NoSuchImage(image.to_owned())
            }
            error => Self::from(error),
        }
    }
}

impl From<bollard::errors::Error> for EngineError {
    fn from(error: bollard::errors::Error) -> Self {
        match error {
            bollard::errors::Error::DockerResponseServerError { message, .. }
            | bollard::errors::Error::DockerStreamError { error: message }
            | bollard::errors::Error::JsonDataError { message, .. } => Self::Refused(message),
            other => Self::Lost(chain(&other)),
        }
    }
}

/// An error and its causes in one line, without repetition.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
