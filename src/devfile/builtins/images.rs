//! What `docker_build` and `custom_build` share.

use crate::devfile::declarations::{ImageBuildDeclaration, ImageDeclaration};
use crate::devfile::language::binding::Call;
use crate::devfile::language::failure::Outcome;
use crate::project::ImageReference;

/// The reference that an image is declared under, which must be the first parameter.
pub(crate) fn reference(call: &Call<'_, '_, '_, '_>) -> Outcome<(String, ImageReference)> {
    let name = call.string("ref")?;
    let reference = ImageReference::parse(name).map_err(|error| {
        call.failure(format_args!("argument 1 (`ref`): cannot parse `{name}`: {error}")).about("ref")
    })?;
    Ok((name.to_owned(), reference))
}

/// Records an image with the parameters that both have.
pub(crate) fn record(
    call: &Call<'_, '_, '_, '_>,
    name: String,
    reference: ImageReference,
    build: ImageBuildDeclaration,
) -> Outcome<()> {
    let declaration = ImageDeclaration {
        name,
        reference,
        call: call.session.call_site(call.span.clone()),
        build,
        live_update: super::live_update::steps(call)?,
        match_in_env_vars: call.boolean("match_in_env_vars")?.unwrap_or(false),
        entrypoint: call.argv("entrypoint")?,
        container_args: call.sequence("container_args")?,
        ignore: call.patterns("ignore")?,
    };
    call.session.state().declarations.images.push(declaration);
    Ok(())
}
