//! Why a build failed, told apart by what the user has to do.

use std::sync::LazyLock;

use regex::Regex;

use super::context::ContextError;
use super::progress::FailedStep;

/// Why a build failed.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The Dockerfile is not understood.
    #[error("{}: {message}", dockerfile_place(*line))]
    Dockerfile {
        /// The line, when the builder names one.
        line: Option<u32>,
        /// What is wrong.
        message: String,
    },
    /// A step's command failed.
    #[error("{}", step_failure(step, *exit_code, output))]
    Step {
        /// `[2/5] RUN make`.
        step: String,
        /// How the command ended, when known.
        exit_code: Option<i32>,
        /// Its last lines.
        output: Vec<String>,
    },
    /// A step runs a program that the engine's machine cannot run.
    #[error(
        "{} cannot run here: {message}. The platform is another one than the engine's: install emulation (`docker run \
         --privileged --rm tonistiigi/binfmt --install all`), or leave out `platform` and DOCKER_DEFAULT_PLATFORM",
        step_name(step)
    )]
    ForeignPlatform {
        /// `[2/5] RUN make`.
        step: String,
        /// What the system says.
        message: String,
    },
    /// A base image is not to be had.
    #[error("base image `{image}` cannot be pulled ({message}): check its name and, if it is private, `docker login`")]
    BaseImage {
        /// Its reference.
        image: String,
        /// What the registry says.
        message: String,
    },
    /// `COPY` or `ADD` names a file that was not sent.
    #[error("`{path}` is not in the build context: check the path, .dockerignore, `only` and `ignore`")]
    MissingFile {
        /// The path, relative to the context.
        path: String,
    },
    /// The engine's disk is full.
    #[error("the container engine's disk is full ({message}): free space with `docker system prune`")]
    DiskFull {
        /// What the engine says.
        message: String,
    },
    /// The context cannot be sent.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// A parameter of the build is wrong.
    #[error("{parameter} `{value}`: {message}")]
    Parameter {
        /// `secret`, `ssh` …
        parameter: &'static str,
        /// What was given.
        value: String,
        /// What is wrong.
        message: String,
    },
    /// The engine stopped. Worth another try when it is back.
    #[error("the container engine went away during the build ({0}): devloop builds again when it is back")]
    EngineLost(String),
    /// The engine has no BuildKit.
    #[error(
        "this engine cannot build with BuildKit ({0}): set DOCKER_BUILDKIT=0 to build without it, use Docker, or \
         custom_build with a command of your own"
    )]
    NoBuildKit(String),
    /// What only BuildKit can do is asked of the builder before it.
    #[error(
        "{0} needs BuildKit, and this build does without: unset DOCKER_BUILDKIT, or switch BuildKit on in the engine"
    )]
    NeedsBuildKit(&'static str),
    /// Cancelled by devloop.
    #[error("cancelled")]
    Cancelled,
    /// Anything else, in the builder's words.
    #[error("{0}")]
    Other(String),
}

fn dockerfile_place(line: Option<u32>) -> String {
    line.map_or_else(|| "Dockerfile".to_owned(), |line| format!("Dockerfile line {line}"))
}

fn exit(code: Option<i32>) -> String {
    match code {
        Some(137) => " with exit code 137 (killed, perhaps for want of memory)".to_owned(),
        Some(code) => format!(" with exit code {code}"),
        None => String::new(),
    }
}

/// `step 2/5 (RUN make)`.
fn step_name(step: &str) -> String {
    match step.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        Some((number, instruction)) => format!("step {number} ({instruction})"),
        None => format!("the step `{step}`"),
    }
}

/// How it ended first, then what it was, then its output: of a row in a table only the beginning is seen.
fn step_failure(step: &str, exit_code: Option<i32>, output: &[String]) -> String {
    let (number, instruction) = step.strip_prefix('[').and_then(|rest| rest.split_once("] ")).unwrap_or(("", step));
    let number = if number.is_empty() { "a step".to_owned() } else { format!("step {number}") };
    let mut lines = vec![format!("{number} failed{}: {instruction}", exit(exit_code))];
    lines.extend_from_slice(output);
    lines.join("\n")
}

fn expression(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is a valid expression")
}

static LINE: LazyLock<Regex> =
    LazyLock::new(|| expression(r"(?s)(?:dockerfile )?parse error (?:on )?line (\d+): (.*)"));
static LINE_IN_FILE: LazyLock<Regex> = LazyLock::new(|| expression(r"(?m)^Dockerfile:(\d+)$"));
static EXIT_CODE: LazyLock<Regex> = LazyLock::new(|| expression(r"(?:exit (?:code|status)|non-zero code):? (\d+)"));
static MISSING: LazyLock<Regex> = LazyLock::new(|| {
    expression(r#""(/[^"]*)"(?: not found)?: not found|l?stat ([^:"]+): (?:no such file|file does not exist)"#)
});
static IMAGE: LazyLock<Regex> = LazyLock::new(|| {
    expression(
        r"(?:load metadata for |resolve image config for |FROM (?:--platform=\S+ )?|failed to resolve source metadata for )([^\s:@]+(?::[0-9]+/[^\s:@]+)?(?:[:@][^\s]+?)?)(?:[:\s]|$)",
    )
});

impl BuildError {
    /// From the builder's last words and the step that failed.
    pub(super) fn classify(message: &str, failed: Option<FailedStep>) -> Self {
        let has = |text: &str| message.contains(text);
        if has("no space left on device") {
            return Self::DiskFull { message: last_part(message) };
        }
        // In a step it is the program that says so, in the words of the C library.
        let output = failed.iter().flat_map(|step| &step.output);
        if let Some(line) = output.rev().find(|line| line.contains("No space left on device")) {
            return Self::DiskFull { message: line.clone() };
        }
        if let Some(step) = &failed
            && step.output.iter().chain([&step.error]).any(|line| line.contains("exec format error"))
        {
            return Self::ForeignPlatform { step: step.name.clone(), message: "exec format error".to_owned() };
        }
        if let Some(found) = LINE.captures(message) {
            let line = found[1].parse().ok();
            return Self::Dockerfile { line, message: first_line(&found[2]) };
        }
        if let Some(step) = &failed
            && (step.name.contains("] COPY ") || step.name.contains("] ADD "))
            && let Some(path) = MISSING.captures(&step.error).and_then(|found| found.get(1).or(found.get(2)))
        {
            return Self::MissingFile { path: path.as_str().trim_start_matches('/').to_owned() };
        }
        if let Some(step) = &failed
            && let Some(image) = IMAGE.captures(&step.name)
            && !step.name.contains("] RUN ")
        {
            return Self::BaseImage { image: image[1].to_owned(), message: last_part(&step.error) };
        }
        if let Some(step) = failed {
            let exit_code = EXIT_CODE.captures(&step.error).and_then(|code| code[1].parse().ok());
            if step.name.contains("] RUN ") || exit_code.is_some() {
                return Self::Step { step: step.name, exit_code, output: step.output };
            }
            if !step.name.starts_with("[internal]") {
                let output = if step.output.is_empty() { vec![step.error] } else { step.output };
                return Self::Step { step: step.name, exit_code: None, output };
            }
        }
        if has("failed to create LLB definition") || has("failed to read dockerfile") || has("target stage") {
            let line = LINE_IN_FILE.captures(message).and_then(|line| line[1].parse().ok());
            let text = message.rsplit("failed to create LLB definition: ").next().unwrap_or(message);
            return Self::Dockerfile { line, message: first_line(without_prefix(text)) };
        }
        Self::Other(without_prefix(message).to_owned())
    }

    /// Whether these last words mean that the engine is stopping rather than that the build is wrong.
    pub(super) fn sounds_like_shutdown(message: &str) -> bool {
        [
            "context canceled",
            "transport is closing",
            "code = Unavailable",
            "client connection is closing",
            "no active session",
        ]
        .iter()
        .any(|sign| message.contains(sign))
    }
}

fn without_prefix(message: &str) -> &str {
    let rest = message.strip_prefix("failed to solve with frontend dockerfile.v0: ").unwrap_or(message);
    let rest = rest.strip_prefix("failed to solve: ").unwrap_or(rest);
    rest.strip_prefix("rpc error: code = Unknown desc = ").unwrap_or(rest).trim()
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or("").trim().to_owned()
}

/// The cause at the end of a chain of contexts.
fn last_part(message: &str) -> String {
    let mut parts = message.rsplit(": ");
    let last = parts.next().unwrap_or(message);
    // `not found` or `no space left on device` alone says too little.
    match parts.next() {
        Some(before) if last.len() < 24 => format!("{before}: {last}"),
        _ => last.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str, error: &str) -> FailedStep {
        FailedStep { name: name.to_owned(), error: error.to_owned(), output: vec!["boom".to_owned()] }
    }

    #[test]
    fn errors_are_told_apart() {
        let check = |message: &str, failed: Option<FailedStep>, expected: &str| {
            assert_eq!(BuildError::classify(message, failed).to_string(), expected, "{message}");
        };
        check(
            "failed to solve with frontend dockerfile.v0: failed to create LLB definition: dockerfile parse error line 3: unknown instruction: FOO",
            None,
            "Dockerfile line 3: unknown instruction: FOO",
        );
        check(
            "executor failed running [/bin/sh -c exit 3]: exit code: 3",
            Some(step("[2/2] RUN exit 3", "executor failed running [/bin/sh -c exit 3]: exit code: 3")),
            "step 2/2 failed with exit code 3: RUN exit 3\nboom",
        );
        check(
            "failed to compute cache key: \"/gone\" not found: not found",
            Some(step("[2/2] COPY gone /", "failed to compute cache key: \"/gone\" not found: not found")),
            "`gone` is not in the build context: check the path, .dockerignore, `only` and `ignore`",
        );
        check(
            "failed to solve: process \"/bin/sh -c make\" did not complete successfully: exit code: 2",
            Some(step("[b 2/2] RUN make", "process \"/bin/sh -c make\" did not complete successfully: exit code: 2")),
            "step b 2/2 failed with exit code 2: RUN make\nboom",
        );
        check(
            "failed to solve: write /x: no space left on device",
            Some(step("[b 2/2] RUN make", "x")),
            "the container engine's disk is full (write /x: no space left on device): free space with `docker system prune`",
        );
    }

    #[test]
    fn programs_of_other_platforms_are_told_apart() {
        let mut failed = step("[2/2] RUN make", "executor failed running [/bin/sh -c make]: exit code: 1");
        failed.output.push("standard_init_linux.go:228: exec user process caused: exec format error".to_owned());
        let error = BuildError::classify("x", Some(failed)).to_string();
        assert!(error.starts_with("step 2/2 (RUN make) cannot run here: exec format error. "), "{error}");
    }

    #[test]
    fn missing_base_images_are_named() {
        let error = "pull access denied, repository does not exist or may require authorization";
        let failed = step("[internal] load metadata for docker.io/library/nosuch:1", error);
        let BuildError::BaseImage { image, .. } = BuildError::classify(error, Some(failed)) else {
            panic!("not a base image")
        };
        assert_eq!(image, "docker.io/library/nosuch:1");
        let failed = step("[internal] load metadata for localhost:5000/no/such:latest", "not found");
        let BuildError::BaseImage { image, .. } = BuildError::classify("x", Some(failed)) else {
            panic!("not a base image")
        };
        assert_eq!(image, "localhost:5000/no/such:latest");
    }
}
