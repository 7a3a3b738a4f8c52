//! `ext://helm_resource` with the real `helm`: a chart of this machine and one of a repository.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::devloop::{Running, devloop_with, free_port, get};
use crate::support::ground::{Ground, deployment};

fn body(port: u16) -> String {
    get(port, "/").map_or_else(|error| error, |(_, body)| body)
}

fn helm(arguments: &[&str]) -> String {
    let output = Command::new("helm").args(arguments).output().expect("helm starts");
    assert!(output.status.success(), "helm {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A chart with a Deployment whose image and greeting are values.
fn chart(ground: &Ground, folder: &str, image: &str) {
    let namespaced = format!(", namespace: {}", ground.namespace);
    let yaml = deployment("web", &ground.namespace).replace(&namespaced, "").replace(
        &format!("image: {}/web", ground.namespace),
        &format!("image: {image}\n        env: [{{name: GREETING, value: {{{{ .Values.greeting | quote }}}}}}]"),
    );
    ground.write(&format!("{folder}/Chart.yaml"), "apiVersion: v2\nname: web\nversion: 0.1.0\n");
    ground.write(&format!("{folder}/values.yaml"), "greeting: hello\nimage: {repository: nowhere, tag: none}\n");
    ground.write(&format!("{folder}/templates/web.yaml"), &yaml);
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn a_chart_of_this_machine_is_installed_with_built_images_updated_live_and_uninstalled() {
    let ground = Ground::new("helmres");
    let (port, image) = (free_port(), ground.image("web"));
    ground.web_service("web", port);
    chart(&ground, "chart", "\"{{ .Values.image.repository }}:{{ .Values.image.tag }}\"");
    ground.write(
        "Devfile",
        &format!(
            "load('ext://helm_resource', 'helm_resource')
docker_build('{image}', 'web', live_update=[sync('web/www', '/www')])
helm_resource('web', 'chart', namespace='{}', release_name='shop', deps=['chart'], flags=['--set', 'greeting=hi'],
    image_deps=['{image}'], image_keys=[('image.repository', 'image.tag')], port_forwards='{port}:8080', labels=['shop'])
",
            ground.namespace
        ),
    );
    let mut up = Running::up(ground.path(), &[]);
    up.wait_until("the first answer", || body(port), |it| it == "hello from web\n");
    let pod = ground.pod();
    let greeting = || {
        let path = "jsonpath={.spec.template.spec.containers[0].env[0].value}";
        ground.kubectl(&["get", "deployment", "web", "-o", path])
    };
    assert_eq!(greeting(), "hi");
    ground.write("web/www/index.html", "edited\n");
    up.wait_until("the edit", || body(port), |it| it == "edited\n");
    assert_eq!(ground.pod(), pod, "live update must not replace the pod");

    // A change of the chart is an upgrade of the release.
    let revision = || helm(&["list", "--namespace", &ground.namespace, "--filter", "shop", "--output", "json"]);
    assert!(revision().contains("\"revision\":\"1\""), "{}", revision());
    let devfile = std::fs::read_to_string(ground.path().join("Devfile")).expect("a file");
    ground.write("Devfile", &devfile.replace("greeting=hi", "greeting=again"));
    up.wait_until("the upgrade", greeting, |it| it == "again");
    ground.write("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.2.0\n");
    up.wait_until("the new chart", revision, |it| it.contains("web-0.2.0"));
    assert!(up.quit().success());

    let down = devloop_with(ground.path(), &["down"], &[]);
    down.code(0);
    assert_eq!(helm(&["list", "--namespace", &ground.namespace, "--short"]), "");
    assert_eq!(ground.kubectl(&["get", "deployments", "-o", "name"]), "");
    // What helm remembers of releases.
    assert_eq!(ground.kubectl(&["get", "secrets", "-l", "owner=helm", "-o", "name"]), "");
}

/// Serves the files of a folder over HTTP on the loopback interface; the URL.
fn serve(folder: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            answer(stream, &folder);
        }
    });
    url
}

fn answer(mut stream: TcpStream, folder: &Path) {
    let mut lines = BufReader::new(stream.try_clone().expect("a stream")).lines().map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    let path = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
    let (status, body) = match std::fs::read(folder.join(path)) {
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(&body);
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn a_chart_of_a_repository_is_installed_once_the_repository_is_added() {
    let ground = Ground::new("helmrepo");
    let port = free_port();
    let command = "busybox\n        imagePullPolicy: IfNotPresent\n        \
                   command: [sh, -c, 'mkdir -p /www && echo $GREETING > /www/index.html && exec httpd -f -p 8080 -h /www']";
    chart(&ground, "source", command);
    ground.write("served/.keep", "");
    let (source, served) = (ground.path().join("source"), ground.path().join("served"));
    helm(&["package", &source.to_string_lossy(), "--destination", &served.to_string_lossy()]);
    helm(&["repo", "index", &served.to_string_lossy()]);
    let url = serve(served);
    ground.write(
        "Devfile",
        &format!(
            "load('ext://helm_resource', 'helm_resource', 'helm_repo')
helm_repo('ours', '{url}', resource_name='our-charts')
helm_resource('web', 'ours/web', namespace='{}', resource_deps=['our-charts'], flags=['--version=0.1.0'],
    port_forwards='{port}:8080')
",
            ground.namespace
        ),
    );
    let home = |name: &str| ground.path().join("helm").join(name).to_string_lossy().into_owned();
    let (config, cache) = (home("repositories.yaml"), home("cache"));
    let env = [("HELM_REPOSITORY_CONFIG", config.as_str()), ("HELM_REPOSITORY_CACHE", cache.as_str())];
    let mut up = Running::up_with(ground.path(), &[], &env);
    up.wait_until("the first answer", || body(port), |it| it == "hello\n");
    // A resource that is no longer declared is uninstalled.
    ground.write("Devfile", "local_resource('other', 'true')\n");
    let list = || helm(&["list", "--namespace", &ground.namespace, "--short"]);
    up.wait_until("no release", list, String::is_empty);
    assert!(up.quit().success());
}
