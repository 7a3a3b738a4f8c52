//! Secrets for `RUN --mount=type=secret`, read when the build asks for them.

use std::collections::HashMap;
use std::path::PathBuf;

use bollard::moby::buildkit::secrets::v1::{GetSecretRequest, GetSecretResponse};
use tonic::{Request, Response, Status};

/// Where the value of a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::docker) enum SecretSource {
    /// In a file.
    File(PathBuf),
    /// In a variable of devloop's environment.
    Environment(String),
}

/// Parses `id=ID[,src=PATH|,env=NAME][,type=file|env]`, as `docker build --secret` does.
pub(in crate::docker) fn parse_secret(text: &str) -> Result<(String, SecretSource), String> {
    let (mut id, mut file, mut variable, mut kind) = (None, None, None, None);
    for field in text.split(',') {
        let (key, value) = field.split_once('=').ok_or_else(|| format!("`{field}` is not KEY=VALUE"))?;
        match key.trim().to_ascii_lowercase().as_str() {
            "id" => id = Some(value.to_owned()),
            "src" | "source" => file = Some(value.to_owned()),
            "env" => variable = Some(value.to_owned()),
            "type" => kind = Some(value.to_owned()),
            _ => return Err(format!("unknown key `{key}`: expected id, src, env or type")),
        }
    }
    let id = id.filter(|id| !id.is_empty()).ok_or("there is no id=")?;
    let source = match (kind.as_deref(), file, variable) {
        (Some("env"), _, Some(name)) | (None, None, Some(name)) => SecretSource::Environment(name),
        (Some("env"), name, None) => SecretSource::Environment(name.unwrap_or_else(|| id.clone())),
        (None | Some("file"), Some(path), _) => SecretSource::File(PathBuf::from(path)),
        (None, None, None) if std::env::var_os(&id).is_some() => SecretSource::Environment(id.clone()),
        (None | Some("file"), None, _) => SecretSource::File(PathBuf::from(&id)),
        (Some(other), _, _) => return Err(format!("unknown type `{other}`: expected file or env")),
    };
    Ok((id, source))
}

impl SecretSource {
    /// The value.
    pub async fn read(&self) -> Result<Vec<u8>, String> {
        match self {
            Self::File(path) => {
                tokio::fs::read(path).await.map_err(|error| format!("cannot read `{}` ({error})", path.display()))
            }
            Self::Environment(name) => std::env::var_os(name)
                .map(std::ffi::OsString::into_encoded_bytes)
                .ok_or_else(|| format!("the variable `{name}` is not set")),
        }
    }
}

pub(super) struct Secrets {
    sources: HashMap<String, SecretSource>,
}

impl Secrets {
    pub fn new(sources: HashMap<String, SecretSource>) -> Self {
        Self { sources }
    }
}

#[tonic::async_trait]
impl bollard::moby::buildkit::secrets::v1::secrets_server::Secrets for Secrets {
    async fn get_secret(&self, request: Request<GetSecretRequest>) -> Result<Response<GetSecretResponse>, Status> {
        let id = request.into_inner().id;
        let source = self.sources.get(&id).ok_or_else(|| Status::not_found(format!("secret {id} is not given")))?;
        let data = source.read().await.map_err(Status::failed_precondition)?;
        Ok(Response::new(GetSecretResponse { data }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_parsed_as_docker_does() {
        let file = |path: &str| SecretSource::File(path.into());
        let variable = |name: &str| SecretSource::Environment(name.to_owned());
        for (text, expected) in [
            ("id=a,src=/x", file("/x")),
            ("id=a,source=y", file("y")),
            ("id=a,env=TOKEN", variable("TOKEN")),
            ("type=env,id=a", variable("a")),
            ("id=devloop_not_set", file("devloop_not_set")),
            ("id=PATH", variable("PATH")),
        ] {
            assert_eq!(parse_secret(text).expect(text).1, expected, "{text}");
        }
        for text in ["", "src=/x", "id=a,what=b", "id=a,type=x", "id"] {
            assert!(parse_secret(text).is_err(), "{text}");
        }
    }
}
