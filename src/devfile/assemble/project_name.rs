//! The name of a project.

use std::fmt::Write as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::project::ProjectName;

/// The folder's name may take this much of the 63 characters of a label's value.
const MAX_FOLDER_LENGTH: usize = 40;

/// The name of the project in `root` (canonical): the folder's name as far as a label's value can hold it, and six
/// hexadecimal digits of the whole path, so that two checkouts of one repository do not delete each other's objects.
pub fn project_name(root: &Path) -> ProjectName {
    let folder = root.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let cleaned: String = folder.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let shortened: String = cleaned.trim_matches('-').chars().take(MAX_FOLDER_LENGTH).collect();
    let folder = match shortened.trim_end_matches('-') {
        "" => "project",
        name => name,
    };
    let digest = Sha256::digest(root.as_os_str().as_encoded_bytes());
    let hash = digest.iter().take(3).fold(String::new(), |mut hash, byte| {
        let _ = write!(hash, "{byte:02x}");
        hash
    });
    ProjectName::new(format!("{folder}-{hash}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::is_label_value;

    #[test]
    fn names_are_label_values_and_differ_by_folder() {
        let name = |path: &str| project_name(Path::new(path)).to_string();
        assert!(name("/home/me/My Shop").starts_with("my-shop-"));
        assert_ne!(name("/a/shop"), name("/b/shop"));
        for path in ["/", "/日本", &format!("/{}", "x-".repeat(60))] {
            assert!(is_label_value(&name(path)), "{path}");
        }
    }
}
