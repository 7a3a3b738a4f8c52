//! The functions that a configuration may call, one file per subject. Each file ends with its `DEFINITIONS`: the
//! signatures as documented, and the code. Builtins only record; [`super::assemble`] decides what it means.

#![expect(clippy::unnecessary_wraps, reason = "every builtin has the type `Body`, also one that cannot fail")]

pub(crate) mod api;
mod compose_config;
pub(crate) mod config;
mod config_flags;
mod custom_build;
mod decode;
mod docker_build;
mod docker_compose;
mod encode;
mod features;
mod files;
mod git_repo;
mod helm;
mod helm_error;
mod images;
mod k8s_context;
mod k8s_custom_deploy;
mod k8s_kind;
mod k8s_resource;
mod k8s_yaml;
mod kustomization;
mod kustomize;
mod live_update;
mod loading;
mod local;
pub(crate) mod local_process;
mod local_resource;
mod objects;
pub(crate) mod os;
mod output;
mod probes;
mod prune;
mod records;
mod registry;
mod settings;
pub(crate) mod sys;
mod telemetry;
pub(crate) mod unavailable;
mod version;
mod version_range;
mod workload_function;

use super::language::builtin::Definition;

/// All functions that are not in a module.
pub(crate) fn functions() -> impl Iterator<Item = Definition> {
    [
        docker_build::DEFINITIONS,
        custom_build::DEFINITIONS,
        registry::DEFINITIONS,
        live_update::DEFINITIONS,
        k8s_yaml::DEFINITIONS,
        k8s_custom_deploy::DEFINITIONS,
        k8s_kind::DEFINITIONS,
        k8s_resource::DEFINITIONS,
        k8s_context::DEFINITIONS,
        workload_function::DEFINITIONS,
        docker_compose::DEFINITIONS,
        kustomize::DEFINITIONS,
        helm::DEFINITIONS,
        local_resource::DEFINITIONS,
        probes::DEFINITIONS,
        local::DEFINITIONS,
        files::DEFINITIONS,
        git_repo::DEFINITIONS,
        decode::DEFINITIONS,
        encode::DEFINITIONS,
        loading::DEFINITIONS,
        records::DEFINITIONS,
        settings::DEFINITIONS,
        prune::DEFINITIONS,
        features::DEFINITIONS,
        telemetry::DEFINITIONS,
        version::DEFINITIONS,
        output::DEFINITIONS,
        unavailable::DEFINITIONS,
    ]
    .into_iter()
    .flatten()
    .copied()
}
