//! Files into containers by the engine itself, for images that have neither a shell nor tar.

use bollard::container::LogOutput;
use bollard::exec::StartExecResults;
use bollard::models::ExecConfig;
use bollard::query_parameters::UploadToContainerOptionsBuilder;
use bytes::Bytes;
use futures::TryStreamExt as _;
use http_body_util::Empty;

use super::container_exec::{AttachError, failure};
use super::engine::Engine;
use super::engine_error::EngineError;
use super::wire;

impl Engine {
    /// Unpacks a tar archive at the root of a container's file system, as root. Missing folders are made.
    ///
    /// # Errors
    ///
    /// [`EngineError::Refused`] for a read-only file system and the like.
    pub async fn unpack_into(&self, container: &str, archive: Vec<u8>) -> Result<(), EngineError> {
        let options = UploadToContainerOptionsBuilder::default().path("/").build();
        let body = bollard::body_full(Bytes::from(archive));
        Ok(self.bollard().upload_to_container(container, Some(options), body).await?)
    }

    /// Whether a container has something at this path.
    ///
    /// # Errors
    ///
    /// When the engine does not answer.
    pub async fn is_in_container(&self, container: &str, path: &str) -> Result<bool, EngineError> {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("path", path).finish();
        let address = self.versioned(&format!("/containers/{container}/archive?{query}"));
        let lost = |error: &dyn std::error::Error| EngineError::Lost(error.to_string());
        let request = http::Request::head(address).body(Empty::<Bytes>::new()).map_err(|error| lost(&error))?;
        let response = wire::send(self.endpoint(), request).await.map_err(|error| lost(&error))?;
        Ok(response.status().is_success())
    }

    /// Runs a program in a container to its end: its exit status, and the lines of its output.
    ///
    /// # Errors
    ///
    /// [`AttachError::NotFound`] when the container has no such program.
    pub async fn run_in(&self, container: &str, argv: &[String]) -> Result<(i32, String), AttachError> {
        let config = ExecConfig {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(argv.to_vec()),
            ..ExecConfig::default()
        };
        let exec = self.bollard().create_exec(container, config).await.map_err(failure)?.id;
        let mut said = Vec::new();
        let started = self.bollard().start_exec(&exec, None).await.map_err(failure)?;
        if let StartExecResults::Attached { mut output, .. } = started {
            while let Some(piece) = output.try_next().await.map_err(failure)? {
                let (LogOutput::StdOut { message }
                | LogOutput::StdErr { message }
                | LogOutput::StdIn { message }
                | LogOutput::Console { message }) = piece;
                said.extend_from_slice(&message);
            }
        }
        let said = String::from_utf8_lossy(&said).into_owned();
        let ended = self.bollard().inspect_exec(&exec).await.map_err(failure)?.exit_code.unwrap_or_default();
        // What the runtime says of a program that it cannot find.
        if matches!(ended, 126 | 127) && (said.contains("executable file not found") || said.contains("OCI runtime")) {
            return Err(AttachError::NotFound);
        }
        Ok((i32::try_from(ended).unwrap_or(i32::MAX), said))
    }
}
