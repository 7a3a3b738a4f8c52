//! Published ports of a service.

use serde_json::Value;

/// The fixed ports on this machine that a service publishes; ranges and ports that Compose chooses are left out
/// (reference §2.6).
pub(super) fn published_ports(ports: &Value) -> Vec<u16> {
    let mut found = Vec::new();
    for port in ports.as_array().into_iter().flatten() {
        let published = match port {
            Value::String(text) => short_form(text),
            Value::Object(fields) => match fields.get("published") {
                Some(Value::Number(number)) => number.as_u64().and_then(|number| u16::try_from(number).ok()),
                Some(Value::String(text)) => text.parse().ok(),
                _ => None,
            },
            // A container port alone.
            _ => None,
        };
        if let Some(port) = published.filter(|port| *port != 0 && !found.contains(port)) {
            found.push(port);
        }
    }
    found
}

/// The published port of `[[HOST:]PUBLISHED:]TARGET[/PROTOCOL]`.
fn short_form(text: &str) -> Option<u16> {
    let text = text.split_once('/').map_or(text, |(port, _)| port);
    let (rest, _target) = text.rsplit_once(':')?;
    let published = rest.rsplit_once(':').map_or(rest, |(_, published)| published);
    published.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_forms_and_both_generations() {
        let ports = json!([
            "8080:80", "127.0.0.1:9000:9000/tcp", "[::1]:9001:9001", "7000", 7001, "53:53/udp", "90-91:90-91",
            { "target": 80, "published": 8081, "mode": "host" },
            { "mode": "ingress", "target": 80, "published": "8082", "protocol": "tcp" },
            { "target": 81, "published": "80-90" },
            { "target": 82 },
            "8080:81",
        ]);
        assert_eq!(published_ports(&ports), [8080, 9000, 9001, 53, 8081, 8082]);
        assert_eq!(published_ports(&Value::Null), [0u16; 0]);
    }
}
