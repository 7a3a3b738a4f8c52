//! What devloop and a supervisor say to each other: one line of text for each message.

/// From devloop to the supervisor. The end of the stream means that devloop is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// Ask the whole tree to end.
    Terminate,
    /// End it.
    Kill,
}

/// From the supervisor to devloop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// The command runs.
    Started { pid: u32 },
    /// The working directory cannot be entered.
    BadFolder { errno: i32 },
    /// The command could not be started.
    NotStarted { errno: i32 },
    /// The command has ended with this wait status; processes that it started may still run.
    Exited { status: i32 },
    /// No process of the tree is left. The last message.
    Gone,
    /// These processes could not be killed. The last message.
    Stuck { pids: Vec<u32> },
}

impl Request {
    pub fn encode(self) -> &'static str {
        match self {
            Self::Terminate => "terminate\n",
            Self::Kill => "kill\n",
        }
    }

    pub fn decode(line: &str) -> Option<Self> {
        match line {
            "terminate" => Some(Self::Terminate),
            "kill" => Some(Self::Kill),
            _ => None,
        }
    }
}

impl Report {
    pub fn encode(&self) -> String {
        match self {
            Self::Started { pid } => format!("started {pid}\n"),
            Self::BadFolder { errno } => format!("bad-folder {errno}\n"),
            Self::NotStarted { errno } => format!("not-started {errno}\n"),
            Self::Exited { status } => format!("exited {status}\n"),
            Self::Gone => "gone\n".to_owned(),
            Self::Stuck { pids } => {
                let pids: Vec<String> = pids.iter().map(ToString::to_string).collect();
                format!("stuck {}\n", pids.join(","))
            }
        }
    }

    pub fn decode(line: &str) -> Option<Self> {
        let (word, value) = line.split_once(' ').unwrap_or((line, ""));
        Some(match word {
            "started" => Self::Started { pid: value.parse().ok()? },
            "bad-folder" => Self::BadFolder { errno: value.parse().ok()? },
            "not-started" => Self::NotStarted { errno: value.parse().ok()? },
            "exited" => Self::Exited { status: value.parse().ok()? },
            "gone" => Self::Gone,
            "stuck" => Self::Stuck { pids: value.split(',').map(str::parse).collect::<Result<_, _>>().ok()? },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_way() {
        for report in [
            Report::Started { pid: 7 },
            Report::BadFolder { errno: 2 },
            Report::NotStarted { errno: 13 },
            Report::Exited { status: 256 },
            Report::Gone,
            Report::Stuck { pids: vec![1, 2] },
        ] {
            assert_eq!(Report::decode(report.encode().trim_end()), Some(report));
        }
        for request in [Request::Terminate, Request::Kill] {
            assert_eq!(Request::decode(request.encode().trim_end()), Some(request));
        }
        assert_eq!(Report::decode("exited x"), None);
    }
}
