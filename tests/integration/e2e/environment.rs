//! What commands on this machine find in their environment.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::devloop::{Running, devloop, devloop_with};
use crate::support::ground::Ground;

/// The environment that a command has written with `env -0`.
fn written(file: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.split('\0')
        .filter_map(|entry| entry.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn all_commands_have_the_environment_of_the_session() {
    let ground = Ground::new("environment");
    ground.write(
        "Devfile",
        "os.putenv('FROM_DEVFILE', 'set')
os.putenv('OVERRIDDEN', 'devfile')
os.unsetenv('REMOVED')
os.environ['COLUMNS'] = '99'
local('env -0 > config.env; cp $KUBECONFIG kubeconfig; stat -c %a $KUBECONFIG > mode', env={'OVERRIDDEN': 'command'})
local_resource('update', 'env -0 > update.part; mv update.part update.env', env={'OVERRIDDEN': 'command'})
local_resource('serve', serve_cmd='env -0 > serve.part; mv serve.part serve.env; sleep 1000',
               serve_env={'OVERRIDDEN': 'command'})
",
    );
    let env = [("REMOVED", "inherited"), ("INHERITED", "inherited"), ("LINES", "7"), ("TILT_PORT", "1234")];
    let mut up = Running::up_with(ground.path(), &[], &env);
    for name in ["config.env", "update.env", "serve.env"] {
        let file = ground.path().join(name);
        let found = up.wait_until(name, || written(&file), |found| !found.is_empty());
        let value = |name: &str| found.get(name).map(String::as_str);
        assert_eq!(value("FROM_DEVFILE"), Some("set"), "{name}");
        assert_eq!(value("OVERRIDDEN"), Some("command"), "{name}");
        assert_eq!(value("REMOVED"), None, "{name}");
        assert_eq!(value("INHERITED"), Some("inherited"), "{name}");
        assert_eq!((value("LINES"), value("COLUMNS")), (Some("7"), Some("99")), "{name}");
        assert_eq!((value("PYTHONUNBUFFERED"), value("TILT_DISABLE_ANALYTICS")), (Some("1"), Some("1")), "{name}");
        assert_eq!(
            (value("TILT_PORT"), value("TILT_HOST"), value("FORCE_COLOR")),
            (Some("1234"), None, None),
            "{name}"
        );
        let frozen = value("KUBECONFIG").expect("a kubeconfig");
        assert!(Path::new(frozen).is_file() && Some(frozen) != std::env::var("KUBECONFIG").ok().as_deref(), "{name}");
    }
    let frozen = written(&ground.path().join("update.env"))["KUBECONFIG"].clone();
    assert_eq!(std::fs::read_to_string(ground.path().join("mode")).expect("the mode"), "600\n");
    assert!(up.quit().success());
    assert!(!Path::new(&frozen).exists(), "{frozen} is left");
    devloop(ground.path(), &["down"]).code(0);
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn commands_work_with_the_chosen_context_and_namespace() {
    let ground = Ground::new("context");
    ground.write(
        "Devfile",
        "print(local('kubectl config view --minify -o jsonpath={..namespace}', quiet=True, echo_off=True))
local('kubectl config view --minify -o jsonpath={..namespace} > namespace')
local_resource('nothing', 'true')
",
    );
    devloop_with(ground.path(), &["config", "--namespace", &ground.namespace], &[]).code(0);
    assert_eq!(std::fs::read_to_string(ground.path().join("namespace")).expect("written"), ground.namespace);
}
