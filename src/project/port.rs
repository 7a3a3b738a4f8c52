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
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Link {
    /// As Tilt has it: with scheme, but for `localhost:8080`, where `localhost` passes for one.
    pub url: String,
    /// Name for people; may be empty.
    pub name: String,
}

impl Link {
    /// What a browser opens: a host with a port is HTTP.
    pub fn address(&self) -> String {
        let is_port = |rest: &str| rest.starts_with(|first: char| first.is_ascii_digit());
        match self.url.split_once(':') {
            Some((_, rest)) if is_port(rest) => format!("http://{}", self.url),
            _ => self.url.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Link;

    #[test]
    fn a_host_with_a_port_opens_as_http() {
        let address = |url: &str| Link { url: url.to_owned(), name: String::new() }.address();
        assert_eq!(address("localhost:8080/x"), "http://localhost:8080/x");
        assert_eq!(address("https://localhost:8080"), "https://localhost:8080");
        assert_eq!(address("mailto:a@b.c"), "mailto:a@b.c");
    }
}
