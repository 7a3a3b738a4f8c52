//! Which Tilt devloop stands in for.

use semver::Version;

/// The version of Tilt whose configuration language this is: what constraints of existing files are compared with.
pub const TILT_VERSION: Version = Version::new(0, 37, 0);
