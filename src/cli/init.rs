//! `devloop init`: writes a first Devfile; never over one that is there.

use std::io::Write as _;

use super::args::InitArgs;
use super::common;
use super::error::CommandError;
use super::exit_code::ExitCode;
use crate::init::{scan, write};

/// The name of the new file, and the names of configurations that may be there.
const NAMES: [&str; 2] = ["Devfile", "Tiltfile"];

pub(super) fn init(arguments: &InitArgs) -> Result<ExitCode, CommandError> {
    let dir = common::current_dir()?;
    if !arguments.print
        && let Some(name) = NAMES.iter().find(|name| dir.join(name).exists())
    {
        return Err(CommandError::failed(format!("there is a {name} already: it is left as it is"))
            .hint("`devloop init --print` shows what would be written")
            .hint("`devloop config` shows what the one that is there means"));
    }
    let Some(proposal) = write(&scan(&dir)) else {
        return Err(CommandError::failed(format!("found nothing to deploy in {}", dir.display()))
            .hint("it looks for Kubernetes manifests, kustomizations, Helm charts and Compose files")
            .hint("docs/devfile.md of devloop says how to write a Devfile by hand"));
    };
    if arguments.print {
        common::print_out(&proposal.text)?;
        return Ok(ExitCode::Ok);
    }
    let path = dir.join(NAMES[0]);
    // Another process may have written it since the look above.
    let mut file = std::fs::File::create_new(&path)
        .map_err(|error| CommandError::environment(format!("cannot write {}: {error}", path.display())))?;
    file.write_all(proposal.text.as_bytes())
        .map_err(|error| CommandError::environment(format!("cannot write {}: {error}", path.display())))?;
    let mut text = format!("Wrote {}:\n", path.display());
    for line in &proposal.summary {
        let _ = std::fmt::Write::write_fmt(&mut text, format_args!("  {line}\n"));
    }
    text.push_str("Next: read it, then `devloop config` shows what it means, and `devloop up` starts it.\n");
    common::print_out(&text)?;
    Ok(ExitCode::Ok)
}
