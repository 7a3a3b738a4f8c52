//! The values of Secrets that must not be shown (reference §3.14).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::object::Object;
use crate::project::SecretValue;

/// Shorter values are not masked: they would hit ordinary words.
const MIN_CHARACTERS: usize = 5;

/// The values of `data` (decoded) and `stringData` when `object` is a Secret. Their base64 forms are masked with them.
pub fn secret_values(object: &Object) -> Vec<SecretValue> {
    if object.id.kind != "Secret" || object.id.api_version != "v1" {
        return Vec::new();
    }
    let entries = |field: &str| object.value.get(field).and_then(Value::as_object).into_iter().flatten();
    let decoded = entries("data").filter_map(|(key, value)| {
        let compact: String = value.as_str()?.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        // Bytes that are no text cannot appear in a log.
        Some((key, String::from_utf8(STANDARD.decode(compact).ok()?).ok()?))
    });
    let plain = entries("stringData").filter_map(|(key, value)| Some((key, value.as_str()?.to_owned())));
    decoded
        .chain(plain)
        .filter(|(_, value)| value.chars().count() >= MIN_CHARACTERS)
        .map(|(key, value)| SecretValue { secret: object.id.name.clone(), key: key.clone(), value })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::k8s::parse_objects;

    #[test]
    fn long_values_of_secrets_are_found() {
        let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\ndata: {password: aHVudGVyMg==, pin: MTIz}\n\
                    stringData: {token: abcdef}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: aHVudGVyMg==}\n";
        let parsed = parse_objects(text, &Arc::from(Path::new("/a.yaml")));
        let values: Vec<(String, String)> =
            parsed.objects.iter().flat_map(secret_values).map(|secret| (secret.key, secret.value)).collect();
        assert_eq!(values, [("password".into(), "hunter2".into()), ("token".into(), "abcdef".into())]);
    }
}
