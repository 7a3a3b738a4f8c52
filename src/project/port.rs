//! Port-forwards and links.

/// A local port that leads into a pod of the resource.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PortForward {
    /// Local port; 0 = any free one.
    pub local: u16,
    /// Container port; 0 = the local one if the container declares it, else the first declared one.
    pub container: u16,
    /// Address to bind; `None` = the session's.
    pub host: Option<String>,
    /// Name for people; may be empty.
    pub name: String,
    /// Appended to the shown URL; may be empty.
    pub path: String,
}

/// A URL that belongs to a resource.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Link {
    /// With scheme.
    pub url: String,
    /// Name for people; may be empty.
    pub name: String,
}
