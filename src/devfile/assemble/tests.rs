//! Declarations in, resources and diagnostics out, as text.

use std::path::Path;
use std::sync::Arc;

use super::test_devfile::{Devfile, describe_diagnostic};
use crate::devfile::declarations::{ImageBuildDeclaration, SelectedResource, Selection};
use crate::diagnostic::{Position, Span, Spanned};
use crate::project::{LiveUpdate, PodReadiness, ResourceName, Sync, Target};

fn deployment(name: &str, image: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  template:\n    metadata: {{labels: {{app: {name}, tier: x}}}}\n    spec: {{containers: [{{name: c, image: '{image}'}}]}}\n"
    )
}

fn service(name: &str, selector: &str) -> String {
    format!("---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{selector: {selector}}}\n")
}

const JOB: &str = "---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate}\nspec: {template: {spec: {containers: [{name: c, image: migrate}]}}}\n";
const CRON: &str = "---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {name: nightly}\nspec: {jobTemplate: {spec: {template: {spec: {containers: [{name: c, image: x}]}}}}}\n";
const CONFIG: &str = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: b}\n";

#[test]
fn workloads_take_their_services_and_the_rest_is_uncategorized() {
    let mut devfile = Devfile::new();
    devfile.image("web", "FROM scratch");
    devfile.yaml(&(service("web", "{app: web}") + &deployment("web", "web:1") + &deployment("db", "postgres:15")));
    devfile.yaml(&(service("headless", "{}") + &service("any", "{tier: x}") + JOB + CRON + CONFIG));
    devfile.local("tests", &["web"]);
    devfile.check(&[
        "web: deployment/web, service/web, service/any | Wait | images web",
        "db: deployment/db | Wait",
        "migrate: job/migrate | Succeeded",
        "nightly: cronjob/nightly | Ignore",
        "tests | after web",
        "uncategorized: service/headless, configmap/settings | Ignore",
    ]);
}

#[test]
fn services_need_the_namespace_of_their_workload_or_none() {
    let mut devfile = Devfile::new();
    devfile.yaml(&deployment("web", "x").replace("{name: web}", "{name: web, namespace: a}"));
    devfile.yaml(&service("other", "{app: web}").replace("{name: other}", "{name: other, namespace: b}"));
    devfile.yaml(&service("same", "{app: web}").replace("{name: same}", "{name: same, namespace: a}"));
    devfile.yaml(&service("free", "{app: web}"));
    devfile.check(&[
        "web: deployment/web in namespace a, service/same in namespace a, service/free | Wait",
        "uncategorized: service/other in namespace b | Ignore",
    ]);
}

#[test]
fn equal_names_get_the_shortest_forms_that_differ() {
    let mut devfile = Devfile::new();
    devfile.yaml(&(deployment("web", "x") + &deployment("web", "x").replace("Deployment", "StatefulSet")));
    devfile.check(&["web:deployment: deployment/web | Wait", "web:statefulset: statefulset/web | Wait"]);
}

#[test]
fn bases_are_built_first_and_images_of_two_tags_are_exact() {
    let mut devfile = Devfile::new();
    devfile.image("web", "ARG B=base\nFROM ${B}:3\nCOPY --from=tools /a /a");
    devfile.image("base", "FROM alpine");
    devfile.image("tools:v1", "FROM scratch");
    devfile.image("tools", "FROM scratch");
    devfile.custom_image("bundle", &["web", "base"]);
    devfile.yaml(&(deployment("web", "web") + &deployment("bundle", "bundle:x")));
    devfile.check(&[
        "web: deployment/web | Wait | images base, tools, web",
        "bundle: deployment/bundle | Wait | images base, tools, web, bundle",
        "warning Devfile:3: image `tools:v1` is not built: no deployed object refers to it (did you mean one of `tools`?) (to silence this: `update_settings(suppress_unused_image_warnings=[\"tools:v1\"])`)",
    ]);
}

#[test]
fn image_problems_are_all_reported() {
    let mut devfile = Devfile::new();
    devfile.image("a", "FROM base");
    devfile.image("base", "FROM a");
    devfile.image("docker.io/library/base", "FROM scratch");
    devfile.custom_image("c", &["bse"]);
    devfile.yaml(&(deployment("a", "a") + &deployment("c", "c") + &deployment("d", "No")));
    devfile.check(&[
        "error Devfile:3: image `docker.io/library/base` has already been defined [Devfile:2 first defined here] (give one of them another name or a tag of its own)",
        "error Devfile:4: image `c` depends on `bse`, which no `docker_build` or `custom_build` declares (did you mean `base`?)",
        "error Devfile:1: images are built from each other: a -> base -> a [Devfile:2 `base` is declared here]",
        "error k8s.yaml:18: deployment/d: `spec.template.spec.containers[0].image`: repository name of `No` must be lowercase",
    ]);
}

#[test]
fn registered_kinds_are_workloads() {
    let widget = "---\napiVersion: x.io/v1\nkind: Widget\nmetadata: {name: w}\nspec: {image: web, template: {spec: {containers: [{image: other}]}}}\n";
    let mut devfile = Devfile::new();
    devfile.image("web", "FROM scratch");
    devfile.image("other", "FROM scratch");
    devfile.declarations.suppressed_unused_images.push("other".into());
    devfile.kind("widget", Some("{.spec.image}"), Some(PodReadiness::Ignore));
    devfile.yaml(&(widget.to_owned() + CONFIG));
    devfile.check(&["w: widget/w | Ignore | images web", "uncategorized: configmap/settings | Ignore"]);

    let mut devfile = Devfile::new();
    devfile.image("web", "FROM scratch");
    devfile.yaml(widget);
    devfile.check(&[
        "uncategorized: widget/w | Ignore",
        "warning Devfile:1: image `web` is not built: no declared Kubernetes object has an image (if a custom resource deploys it, say where: `k8s_kind(KIND, image_json_path=…)`) (to silence this: `update_settings(suppress_unused_image_warnings=[\"web\"])`)",
    ]);
}

#[test]
fn references_in_environment_variables_count_where_asked_for() {
    let text = deployment("operator", "x").replace("image: 'x'", "image: x, env: [{name: I, value: web}]");
    let mut devfile = Devfile::new();
    devfile.image("web", "FROM scratch").match_in_env_vars = true;
    devfile.yaml(&text);
    devfile.check(&["operator: deployment/operator | Wait | images web"]);
}

#[test]
fn calls_refine_rename_and_group_in_order() {
    let mut devfile = Devfile::new();
    // Calls may precede the YAML.
    devfile.refine("web", "frontend", &["settings"]);
    devfile
        .refine("frontend", "", &["ROLE:role:default"])
        .resource_deps
        .push(Spanned { value: ResourceName::new("accounts"), span: Span::file("/p/Devfile") });
    devfile.refine("", "accounts", &["sa"]);
    devfile.yaml(
        &(deployment("web", "x")
            + CONFIG
            + "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: sa}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: role}\n"),
    );
    devfile.check(&[
        "frontend: deployment/web, configmap/settings, role/role | Wait | after accounts",
        "accounts: serviceaccount/sa | Ignore",
    ]);
}

#[test]
fn wrong_calls_name_what_there_is() {
    let mut devfile = Devfile::new();
    devfile.refine("web", "site", &[]);
    devfile.refine("web", "", &[]);
    devfile.refine("sit", "", &[]);
    devfile.refine("settings", "", &[]);
    devfile.refine("job", "", &[]);
    devfile.refine("", "site", &["settings"]);
    devfile.refine("site", "", &["set", "web:deployment"]);
    devfile.yaml(&(deployment("web", "x") + CONFIG));
    devfile.local("job", &[]);
    devfile.check(&[
        "error Devfile:2: `k8s_resource` refers to `web`, which is no Kubernetes resource [Devfile:1 renamed to `site` here] (use the new name `site`)",
        "error Devfile:3: `k8s_resource` refers to `sit`, which is no Kubernetes resource (did you mean `site`?) (known resources: `site`)",
        "error Devfile:4: `k8s_resource` refers to `settings`, which is no Kubernetes resource (there is an object of this name, but no workload: group it by `k8s_resource(new_name=…, objects=[\"settings\"])`) (known resources: `site`)",
        "error Devfile:5: `k8s_resource` refers to `job`, which is no Kubernetes resource [Devfile:9 `job` is a local resource]",
        "error Devfile:6: the name `site` is taken: there is already a Kubernetes resource of this name [k8s.yaml:2 declared here]",
        "error Devfile:7: no object matches `set` (known objects: `web:Deployment:default`, `settings:ConfigMap:default`)",
        "error Devfile:7: object `web:deployment` belongs to resource `site` already [k8s.yaml:2 declared here] (objects that belong to no resource: `settings:ConfigMap:default`)",
    ]);
}

#[test]
fn an_ambiguous_fragment_lists_its_candidates() {
    let mut devfile = Devfile::new();
    devfile.refine("", "group", &["settings"]);
    devfile.yaml(&(CONFIG.to_owned() + &CONFIG.replace("ConfigMap", "Secret")));
    devfile.check(&[
        "error Devfile:1: `settings` matches 2 objects [k8s.yaml:2 `settings:ConfigMap:default`] [k8s.yaml:7 `settings:Secret:default`] (name one of them: `settings:ConfigMap:default`, `settings:Secret:default`)",
    ]);
}

#[test]
fn objects_are_declared_once_unless_allowed() {
    let mut devfile = Devfile::new();
    devfile.yaml(CONFIG);
    devfile.yaml(CONFIG);
    devfile.check(&[
        "error k8s.yaml:2: ConfigMap `settings` in namespace `default` is declared twice [k8s.yaml:2 first declared here] [Devfile:2 declared again by this call] (if that is intended, pass `allow_duplicates=True` to `k8s_yaml`)",
    ]);
    let mut devfile = Devfile::new();
    devfile.yaml(&deployment("web", "x"));
    devfile.yaml_with(&deployment("web", "x"), true);
    devfile.check(&[
        "web:deployment:default:apps:0: deployment/web | Wait",
        "web:deployment:default:apps:1: deployment/web | Wait",
    ]);
}

#[test]
fn dependencies_are_checked() {
    let mut devfile = Devfile::new();
    devfile.local("a", &["b", "b"]);
    devfile.local("b", &["c", "wbe"]);
    devfile.local("web", &[]);
    devfile.local("c", &[]);
    devfile.check(&[
        "a | after b",
        "b | after c",
        "web",
        "c",
        "warning Devfile:2: resource `b` depends on `wbe`, which does not exist; the dependency is ignored (did you mean `web`?)",
    ]);
    let mut devfile = Devfile::new();
    devfile.local("a", &["b"]);
    devfile.local("b", &["c"]);
    devfile.local("c", &["a", "c"]);
    devfile.check(&[
        "error Devfile:3: resource `c` depends on itself",
        "error Devfile:1: resources depend on each other: a -> b -> c -> a [Devfile:2 `b` depends on `c` here] [Devfile:3 `c` depends on `a` here]",
    ]);
}

#[test]
fn names_are_unique_over_all_kinds() {
    let mut devfile = Devfile::new();
    devfile.yaml(&deployment("web", "x"));
    devfile.local("web", &[]);
    devfile.local("a", &[]);
    devfile.local("a", &[]);
    devfile.check(&[
        "error Devfile:4: the name `a` is taken: there is already a local resource of this name [Devfile:3 declared here]",
        "error Devfile:2: the name `web` is taken: there is already a Kubernetes resource of this name [k8s.yaml:2 declared here]",
    ]);
}

#[test]
fn a_selection_brings_its_dependencies_and_uncategorized() {
    let devfile = || {
        let mut devfile = Devfile::new();
        devfile.local("a", &["b"]);
        devfile.local("b", &["c"]);
        devfile.local("c", &[]);
        devfile.local("d", &[]);
        devfile.yaml(CONFIG);
        devfile
    };
    let only = |names: &[&str]| {
        Selection::Only(names.iter().map(|name| SelectedResource { name: (*name).to_owned(), span: None }).collect())
    };
    let mut some = devfile();
    some.declarations.selection = only(&["a"]);
    some.check(&["a | after b", "b | after c", "c", "d | disabled", "uncategorized: configmap/settings | Ignore"]);
    let mut empty = devfile();
    empty.declarations.selection = only(&[]);
    assert!(empty.project().resources.values().all(|resource| resource.enabled));
    let mut nothing = devfile();
    nothing.declarations.selection = Selection::Nothing;
    assert!(nothing.project().resources.values().all(|resource| !resource.enabled));
    let mut unknown = devfile();
    unknown.declarations.selection = only(&["x"]);
    unknown.check(&["error : there is no resource `x` to enable (resources: `a`, `b`, `c`, `d`, `uncategorized`)"]);
}

#[test]
fn only_allowed_contexts_are_deployed_to() {
    let devfile = |allowed: &str, is_local_product: bool| {
        let mut devfile = Devfile::new();
        devfile.yaml(CONFIG);
        devfile.options.kube.context = Some("prod".into());
        devfile.options.kube.is_local_product = is_local_product;
        devfile.declarations.allowed_contexts.insert(allowed.into());
        devfile
    };
    let refused = devfile("other", false).assemble();
    assert!(refused.project.is_none());
    let text = describe_diagnostic(&refused.diagnostics[0]);
    assert!(text.starts_with("error Devfile:1: Stop! `prod` is not known"), "{text}");
    assert!(text.contains("allow_k8s_contexts('prod')"), "{text}");
    devfile("prod", false).project();
    devfile("other", true).project();
    let mut printing = devfile("other", false);
    printing.options.subcommand = "config".into();
    printing.project();
}

#[test]
fn a_project_without_resources_is_an_error() {
    let assembled = Devfile::new().assemble();
    assert!(assembled.project.is_none());
    assert!(assembled.diagnostics[0].message.starts_with("No resources found"));
}

#[test]
fn filters_tell_what_counts() {
    let mut devfile = Devfile::new();
    let image = devfile.image("web", "FROM bundle");
    image.ignore.push("*.md".into());
    let ImageBuildDeclaration::Docker(build) = &mut image.build else { panic!("a docker build") };
    build.context.is_repository_root = true;
    build.only.push("app".into());
    build.only.push("Dockerfile".into());
    devfile.custom_image("bundle", &[]);
    devfile.local("lint", &[]).ignore.push("web/dist".into());
    devfile.yaml(&deployment("web", "web"));
    let project = devfile.project();
    let image = &project.images["web"];
    let tree = &image.watched[0];
    let crate::project::ImageBuild::Docker(build) = &image.build else { panic!("a docker build") };
    let ignored = |path: &str| (tree.filter.ignores(Path::new(path)), build.context_filter.ignores(Path::new(path)));
    assert_eq!(ignored("/p/src/app/main.rs"), (false, false));
    assert_eq!(ignored("/p/src/app/README.md"), (false, false), "without `**/` a pattern is about the top");
    assert_eq!(ignored("/p/src/README.md"), (true, true));
    assert_eq!(ignored("/p/src/other/x"), (true, true));
    assert_eq!(ignored("/p/src/.git/HEAD"), (true, true));
    assert_eq!(ignored("/p/src/Dockerfile"), (true, false), "watched as a configuration file, but sent");
    let Target::Local(local) = &project.resources["lint"].target else { panic!("a local resource") };
    assert!(local.watched[0].filter.ignores(Path::new("/p/web/dist/x.js")));
    assert!(!local.watched[0].filter.ignores(Path::new("/p/web/src/x.js")));
    assert!(project.global_filter.ignores(Path::new("/p/ref.txt")));
    assert!(project.global_filter.ignores(Path::new("/p/src/.main.rs.swp")));
    assert!(!project.global_filter.ignores(Path::new("/p/src/main.rs")));
}

#[test]
fn live_update_steps_are_about_files_of_the_image_or_its_bases() {
    let sync = |local: &str, line: u32| Sync {
        local: local.into(),
        remote: "/app".into(),
        origin: Span::new(
            Arc::<Path>::from(Path::new("/p/Devfile")),
            Position { line, column: 5 },
            Position { line, column: 9 },
        ),
    };
    let mut devfile = Devfile::new();
    devfile.image("web", "FROM bundle").live_update = Some(LiveUpdate {
        syncs: vec![sync("/p/src/app", 11), sync("/p/lib", 12), sync("/elsewhere", 13)],
        restart_container: Some(Span::file("/p/Devfile")),
        ..LiveUpdate::default()
    });
    devfile.custom_image("bundle", &[]);
    devfile.yaml(&deployment("web", "web"));
    devfile.check(&[
        "error Devfile:0: `restart_container()` does not work on Kubernetes, where image `web` is deployed (`restart_process()` starts the process again in the same container)",
        "error Devfile:13: `sync` of image `web` names `/elsewhere`, which is not among the files of the image [Devfile:1 the image is declared here] (files of the image: `/p/src`, `/p/lib`)",
    ]);
}

#[test]
fn secrets_are_collected_for_masking() {
    let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {password: hunter2}\n";
    let mut devfile = Devfile::new();
    devfile.yaml(text);
    assert_eq!(devfile.project().secrets.len(), 1);
    let mut devfile = Devfile::new();
    devfile.yaml(text);
    devfile.declarations.settings.mask_secrets = false;
    assert!(devfile.project().secrets.is_empty());
}
