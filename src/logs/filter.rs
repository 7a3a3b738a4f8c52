//! Which lines a reader wants.

use super::line::{Level, LogLine, LogSource};
use crate::project::ResourceName;

/// Whose lines a reader wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Producer {
    /// Everybody's.
    #[default]
    All,
    /// Devloop's own and the configuration's.
    Main,
    /// One resource's.
    Resource(ResourceName),
    /// Several resources'.
    Resources(Vec<ResourceName>),
}

/// Which lines a reader wants; all conditions must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// Whose.
    pub producer: Producer,
    /// Only from builds, or only from running programs.
    pub source: Option<LogSource>,
    /// At least so important.
    pub level: Option<Level>,
}

impl LogFilter {
    /// The lines of one resource.
    pub fn resource(name: ResourceName) -> Self {
        Self { producer: Producer::Resource(name), ..Self::default() }
    }

    /// Whether `line` is wanted.
    pub fn accepts(&self, line: &LogLine) -> bool {
        let producer = match &self.producer {
            Producer::All => true,
            Producer::Main => line.resource.is_none(),
            Producer::Resource(name) => line.resource.as_ref() == Some(name),
            Producer::Resources(names) => line.resource.as_ref().is_some_and(|name| names.contains(name)),
        };
        producer
            && self.source.is_none_or(|source| line.source == source)
            && self.level.is_none_or(|level| line.level >= level)
    }
}
