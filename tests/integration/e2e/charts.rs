//! `helm` and `kustomize` with the real programs.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use serde_json::Value as Json;

use crate::support::devloop::{Running, devloop, devloop_with};
use crate::support::ground::Ground;

/// A project in a folder without a namespace in the cluster.
struct Project(tempfile::TempDir);

impl Project {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("written");
    }

    /// What `config --json` says, with `PATH` as given.
    fn config(&self, path: Option<&str>) -> Json {
        let env: Vec<(&str, &str)> = path.iter().map(|path| ("PATH", *path)).collect();
        let ended = devloop_with(self.path(), &["config", "--json"], &env);
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
    }

    /// `PATH` with `program` under the name `name` before all others.
    fn path_with(&self, name: &str, program: &Path) -> String {
        let bin = self.path().join(format!("bin-{}", program.file_name().expect("a name").display()));
        std::fs::create_dir_all(&bin).expect("a folder");
        symlink(program, bin.join(name)).expect("a link");
        format!("{}:{}", bin.display(), std::env::var("PATH").expect("PATH"))
    }

    fn script(&self, name: &str, text: &str) {
        self.write(name, text);
        std::fs::set_permissions(self.path().join(name), PermissionsExt::from_mode(0o755)).expect("permissions");
    }
}

fn objects(config: &Json) -> Vec<String> {
    let resources = config["resources"].as_array().unwrap_or_else(|| panic!("{config:#}"));
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let mut objects: Vec<String> = resources
        .iter()
        .flat_map(|resource| resource["objects"].as_array().cloned().unwrap_or_default())
        .map(|object| format!("{} {}/{}", text(&object["kind"]), text(&object["namespace"]), text(&object["name"])))
        .collect();
    objects.sort();
    objects
}

fn yaml(config: &Json) -> String {
    let resources = config["resources"].as_array().unwrap_or_else(|| panic!("{config:#}"));
    resources.iter().filter_map(|resource| resource["yaml"].as_str()).collect()
}

/// The watched paths below the project.
fn watched(config: &Json, project: &Project) -> Vec<String> {
    let root = project.path().canonicalize().expect("a folder");
    let files = config["config_files"].as_array().expect("files");
    let files = files.iter().filter_map(Json::as_str);
    let known = |name: &&str| !["Devfile", ".devloopignore", ".tiltignore"].contains(name);
    files
        .map(|file| file.strip_prefix(&format!("{}/", root.display())).unwrap_or(file))
        .filter(known)
        .map(str::to_owned)
        .collect()
}

/// A chart with everything that charts have.
fn chart(project: &Project) {
    project.write("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\n");
    project.write("chart/values.yaml", "replicas: 1\nlevel: info\nextra: none\n");
    project.write("chart/templates/_helpers.tpl", "{{- define \"web.name\" -}}\n{{ .Release.Name }}-web\n{{- end }}\n");
    project.write(
        "chart/templates/web.yaml",
        "apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include \"web.name\" . }}
  labels: {release: {{ .Release.Name }}}
data:
  level: {{ .Values.level | quote }}
  extra: {{ .Values.extra | quote }}
  kube: {{ .Capabilities.KubeVersion.Version | quote }}
  namespace: {{ .Release.Namespace }}
  namespaces: {{ (lookup \"v1\" \"Namespace\" \"\" \"\") | len | quote }}
---
apiVersion: v1
kind: Service
metadata: {name: elsewhere, namespace: other}
spec: {ports: [{port: 80}]}
",
    );
    project.write(
        "chart/templates/hook.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: hook\n  annotations: {helm.sh/hook: pre-install}\n",
    );
    project.write(
        "chart/templates/tests/probe.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: probe}\nspec: {containers: [{name: a, image: busybox}]}\n",
    );
    project.write("chart/templates/NOTES.txt", "Thank you for {{ .Chart.Name }}.\n");
    project.write(
        "chart/crds/widgets.yaml",
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: widgets.example.com}\n",
    );
    project.write("chart/charts/sub/Chart.yaml", "apiVersion: v2\nname: sub\nversion: 0.1.0\n");
    project.write("chart/charts/sub/values.yaml", "size: small\n");
    project.write(
        "chart/charts/sub/templates/sub.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: sub}\ndata: {size: {{ .Values.size }}}\n",
    );
    project.write("values/dev.yaml", "level: debug\nsub: {size: large}\n");
}

fn charts_render(project: &Project, path: Option<&str>) {
    chart(project);
    project.write(
        "Devfile",
        "k8s_yaml(helm('chart', name='dev', namespace='apps', values=['values/dev.yaml'],
              set=['extra=a b', 'sub.size=huge'], kube_version='1.30.0'))\n",
    );
    let config = project.config(path);
    assert_eq!(config["error"], Json::Null, "{config:#}");
    assert_eq!(
        objects(&config),
        [
            "ConfigMap apps/dev-web",
            "ConfigMap apps/hook",
            "ConfigMap apps/sub",
            "CustomResourceDefinition apps/widgets.example.com",
            "Service other/elsewhere"
        ]
    );
    let text = yaml(&config);
    for expected in
        ["level: debug", "extra: a b", "size: huge", "kube: v1.30.0", "namespace: apps", "namespaces: \"0\""]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert_eq!(watched(&config, project), ["chart", "values/dev.yaml"]);

    project.write("Devfile", "k8s_yaml(helm(paths='chart', skip_crds=True))\n");
    let config = project.config(path);
    assert_eq!(
        objects(&config),
        ["ConfigMap /chart-web", "ConfigMap /hook", "ConfigMap /sub", "Service other/elsewhere"]
    );
    assert!(yaml(&config).contains("level: info"));
}

#[test]
#[ignore = "needs cluster (the programs beside it)"]
fn charts_are_rendered_by_the_current_helm() {
    charts_render(&Project::new(), None);
}

#[test]
#[ignore = "needs cluster (the programs beside it)"]
fn charts_are_rendered_by_helm_3() {
    let project = Project::new();
    let helm = which::which("helm3").expect("the test cluster's helm3");
    let path = project.path_with("helm", &helm);
    charts_render(&project, Some(&path));
    errors_point_into_templates(&project, Some(&path));
}

#[test]
#[ignore = "needs cluster (the programs beside it)"]
fn errors_of_the_current_helm_point_into_templates() {
    errors_point_into_templates(&Project::new(), None);
}

fn errors_point_into_templates(project: &Project, path: Option<&str>) {
    project.write("bad/Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\n");
    project.write("bad/values.yaml", "{}\n");
    project.write("Devfile", "k8s_yaml(helm('bad'))\n");
    let metadata = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n";
    for (line, message, place) in [
        ("  a: {{ .Values.a.b.c }}", "nil pointer evaluating interface {}.b", Some(5)),
        ("  a: {{ required \"say what\" .Values.a }}", "say what", Some(5)),
        ("  a: {{ if }}", "missing value for if", Some(5)),
        ("  a: {{ include \"none\" . }}", "no template \"none\"", Some(5)),
        ("  a: \"{{ .Chart.Name }}", "YAML parse error", Some(0)),
    ] {
        project.write("bad/templates/a.yaml", &format!("{metadata}{line}\n"));
        let config = project.config(path);
        let error = &config["errors"][0];
        let text = error["message"].as_str().unwrap_or_default();
        assert!(text.starts_with("`helm`: cannot render") && text.contains(message), "{config:#}");
        assert_eq!(error["line"].as_u64(), place, "{config:#}");
        assert!(error["file"].as_str().is_some_and(|file| file.ends_with("bad/templates/a.yaml")), "{config:#}");
        assert!(!text.contains("--debug"), "{text}");
    }
    project.write("bad/templates/a.yaml", metadata);
    project.write(
        "bad/Chart.yaml",
        "apiVersion: v2\nname: web\nversion: 0.1.0\ndependencies: [{name: sub, version: 1.0.0, repository: \"file://../sub\"}]\n",
    );
    let config = project.config(path);
    let help = config["errors"][0]["help"][0].as_str().unwrap_or_default();
    assert!(help.starts_with("get them: `helm dependency build "), "{config:#}");
}

#[test]
#[ignore = "needs cluster (the programs beside it)"]
fn sub_charts_beside_a_chart_are_watched_and_old_helms_are_refused() {
    let project = Project::new();
    project.write("sub/Chart.yaml", "apiVersion: v2\nname: sub\nversion: 1.0.0\n");
    project.write(
        "sub/templates/a.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: sub}\ndata: {n: {{ .Release.Name }}}\n",
    );
    project.write("chart/Chart.yaml", "apiVersion: v1\nname: web\nversion: 0.1.0\n");
    project.write(
        "chart/requirements.yaml",
        "dependencies: [{name: sub, version: 1.0.0, repository: \"file://../sub\"}]\n",
    );
    let update = std::process::Command::new("helm")
        .args(["dependency", "update", "chart"])
        .current_dir(project.path())
        .output()
        .expect("helm runs");
    assert!(update.status.success(), "{update:?}");
    project.write("Devfile", "k8s_yaml(helm('chart'))\n");
    let config = project.config(None);
    assert_eq!(objects(&config), ["ConfigMap /sub"]);
    assert_eq!(watched(&config, &project), ["chart", "sub"]);

    // A version that is not supported says nothing useful about its arguments.
    project.script(
        "old/helm",
        "#!/bin/sh\n[ $1 = version ] && echo 'Client: v2.17.0+ga690bad' && exit 0\necho 'Error: unknown flag' >&2; exit 1\n",
    );
    let old = format!("{}:/usr/bin:/bin", project.path().join("old").display());
    let config = project.config(Some(&old));
    assert_eq!(
        config["error"], "`helm`: Helm 2 is not supported, and `helm` is Client: v2.17.0+ga690bad",
        "{config:#}"
    );

    // 3.0 leaves the definitions out, so they are added.
    project.write("chart/crds/a.yaml", "apiVersion: v1\nkind: CustomResourceDefinition\nmetadata: {name: w.x.y}\n");
    project.script(
        "first/helm",
        "#!/bin/sh
[ $1 = version ] && echo v3.0.3+gac925eb && exit 0
case \"$*\" in *--include-crds*) echo 'Error: unknown flag: --include-crds' >&2; exit 1;; esac
printf -- '---\\napiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: a}\\n'\n",
    );
    let first = format!("{}:/usr/bin:/bin", project.path().join("first").display());
    assert_eq!(objects(&project.config(Some(&first))), ["ConfigMap /a", "CustomResourceDefinition /w.x.y"]);

    let config = project.config(Some("/usr/bin:/bin"));
    assert_eq!(config["error"], "`helm`: `helm` is not on the $PATH", "{config:#}");
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn a_chart_is_deployed_and_an_edit_of_its_values_deploys_it_again() {
    let ground = Ground::new("chart");
    ground.write("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\n");
    ground.write("chart/values.yaml", "level: info\n");
    ground.write(
        "chart/templates/web.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {level: {{ .Values.level }}}\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: \"web-{{ .Release.Namespace }}\"}\nrules: []\n",
    );
    ground.write("Devfile", &format!("k8s_yaml(helm('chart', namespace='{}'))\n", ground.namespace));
    let mut up = Running::up(ground.path(), &[]);
    let level = || ground.kubectl(&["get", "configmap", "web", "--ignore-not-found", "-o", "jsonpath={.data.level}"]);
    up.wait_until("the first level", level, |it| it == "info");
    ground.write("chart/values.yaml", "level: debug\n");
    up.wait_until("the second level", level, |it| it == "debug");
    // `namespace` is written on every object; those of the whole cluster do not mind.
    let role = format!("web-{}", ground.namespace);
    assert!(ground.kubectl(&["get", "clusterrole", &role, "-o", "name"]).contains(&role));
    assert!(up.quit().success());
    devloop(ground.path(), &["down"]).code(0);
}

#[test]
#[ignore = "needs cluster (the programs beside it)"]
fn kustomizations_are_built_by_kubectl() {
    let project = Project::new();
    let config_map =
        |name: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{a: b}}\n");
    project.write("base/kustomization.yaml", "resources: [web.yaml, ../more]\nlabels: [{pairs: {app: web}}]\n");
    project.write("base/web.yaml", &config_map("web"));
    project.write("more/kustomization.yml", "resources: [more.yaml]\n");
    project.write("more/more.yaml", &config_map("more"));
    project.write(
        "component/Kustomization",
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches:\n- path: patch.yaml\n",
    );
    project
        .write("component/patch.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {a: patched}\n");
    project.write(
        "overlay/kustomization.yaml",
        "resources: [../base]
components: [../component]
namePrefix: dev-
configMapGenerator:
- name: files
  files: [conf/app.conf, key.txt=conf/other.conf]
- name: envs
  envs: [conf/app.env]
secretGenerator:
- name: secret
  literals: [a=b]
generatorOptions: {disableNameSuffixHash: true}
patchesStrategicMerge:
- |-
  apiVersion: v1
  kind: ConfigMap
  metadata: {name: more}
  data: {inline: yes please}
- strategic.yaml
patchesJson6902:
- target: {version: v1, kind: ConfigMap, name: more}
  path: json.yaml
replacements:
- path: replacement.yaml
",
    );
    project.write(
        "overlay/strategic.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: more}\ndata: {strategic: \"1\"}\n",
    );
    project.write("overlay/json.yaml", "- {op: add, path: /data/json, value: \"2\"}\n");
    project.write(
        "overlay/replacement.yaml",
        "source: {kind: ConfigMap, name: more, fieldPath: data.json}\n\
         targets: [{select: {kind: ConfigMap, name: web}, fieldPaths: [data.a]}]\n",
    );
    project.write("overlay/conf/app.conf", "one\n");
    project.write("overlay/conf/other.conf", "two\n");
    project.write("overlay/conf/app.env", "X=y\n");
    project.write("Devfile", "k8s_yaml(kustomize('overlay', flags=['--enable-helm=false']))\n");
    let config = project.config(None);
    assert_eq!(config["error"], Json::Null, "{config:#}");
    let prefixed = ["envs", "files", "more", "web"].map(|name| format!("ConfigMap /dev-{name}"));
    assert_eq!(objects(&config), [&prefixed[..], &["Secret /dev-secret".to_owned()]].concat());
    let text = yaml(&config);
    for expected in ["app.conf:", "key.txt:", "X: \"y\"", "inline: yes please", "strategic: \"1\"", "a: \"2\""] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert_eq!(
        watched(&config, &project),
        [
            "base/kustomization.yaml",
            "base/web.yaml",
            "component/Kustomization",
            "component/patch.yaml",
            "more/kustomization.yml",
            "more/more.yaml",
            "overlay/conf/app.conf",
            "overlay/conf/app.env",
            "overlay/conf/other.conf",
            "overlay/json.yaml",
            "overlay/kustomization.yaml",
            "overlay/replacement.yaml",
            "overlay/strategic.yaml",
        ]
    );

    // Its own words for what is wrong.
    project.write("overlay/json.yaml", "- {op: test, path: /data/none, value: x}\n");
    let config = project.config(None);
    let error = config["error"].as_str().unwrap_or_default();
    assert!(error.starts_with("`kustomize`: "), "{config:#}");
    assert!(config["errors"][0]["help"].to_string().contains("/data/none"), "{config:#}");
}
