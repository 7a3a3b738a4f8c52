//! `examples/flexdesk`: production's objects in three overlays, and the rule for what a cluster does not serve.

use crate::support::devloop::{Running, devloop, get, post};
use crate::support::example::{Example, left_in, namespace_exists, pods, processes_in, wait_for_turn};
use crate::support::ground::kubectl;

const EXTERNAL: &str = "flexdesk-external";
const PORT: u16 = 8200;
const SECRET: &str = "a-desk-for-everyone";

fn desks() -> String {
    get(PORT, "/api/desks").map_or_else(|error| error, |(_, body)| body)
}

fn backends(namespace: &str) -> usize {
    pods(namespace).iter().filter(|pod| pod.well && pod.restarts == 0).count()
}

#[test]
#[ignore = "needs cluster (namespaces flexdesk-…, port 8200)"]
fn flexdesk_runs_three_overlays_and_says_what_the_cluster_does_not_serve() {
    wait_for_turn(EXTERNAL, &[PORT]);
    let example = Example::new("flexdesk");
    let serves = kubectl(&["api-versions"]);
    let has_monitors = serves.lines().any(|it| it == "monitoring.coreos.com/v1");
    let is_current = serves.lines().any(|it| it == "policy/v1");

    // Without the rule devloop itself says what is not served.
    if !has_monitors {
        let rule = "    'ServiceMonitor': (";
        example.edit("Devfile", rule, "    'Nothing': (");
        let refused = devloop(example.path(), &["ci"]);
        refused.code(1);
        assert!(
            refused.stdout.contains("ServiceMonitor") && refused.stdout.contains("monitoring.coreos.com/v1"),
            "{}",
            refused.stdout
        );
        example.edit("Devfile", "    'Nothing': (", rule);
    }

    for (overlay, replicas) in [("dev", 1), ("staging", 2), ("production", 3)] {
        let namespace = format!("flexdesk-{overlay}");
        let ci = devloop(example.path(), &["ci", "--", "--overlay", overlay]);
        ci.code(0);
        let said = format!("{}{}", ci.stdout, ci.stderr);
        assert!(!said.contains(SECRET), "the Secret's value is shown");
        assert_eq!(
            said.contains("service-monitor.yaml) is skipped: the cluster serves none of monitoring.coreos.com/v1"),
            !has_monitors
        );
        assert_eq!(
            said.contains("is applied as policy/v1beta1: the cluster does not serve policy/v1 yet"),
            !is_current
        );

        let mut up = Running::up(example.path(), &["--", "--overlay", overlay]);
        let environment = format!("\"environment\": \"{overlay}\"");
        up.wait_until("the desks", desks, |it| it.contains(&environment));
        up.wait_until("what the autoscaler asks for", || backends(&namespace), |count| *count == replicas);
        let budget = "jsonpath={.status.desiredHealthy}";
        up.wait_until(
            "the budget",
            || kubectl(&["-n", &namespace, "get", "pdb", "backend", "-o", budget]),
            |it| *it == (replicas - 1).to_string(),
        );
        let ingress =
            kubectl(&["-n", &namespace, "get", "ingress", "flexdesk", "-o", "jsonpath={.metadata.annotations}"]);
        assert!(ingress.contains("proxy-body-size"), "{ingress}");

        if overlay == "staging" {
            let (status, answer) =
                post(PORT, "/api/bookings", "application/json", r#"{"desk": "desk-7", "person": "ada"}"#)
                    .expect("an answer");
            assert_eq!(status, 200, "{answer}");
            assert!(desks().contains("\"desk-7\": \"ada\""), "{}", desks());
            let before = pods(&namespace);
            example.edit("backend/server.py", "NAME = \"Flexdesk\"", "NAME = \"Our desks\"");
            up.wait_until("an update of each replica", || up.text().matches("updated! (").count(), |count| *count == 2);
            up.wait_until("the other name", desks, |it| it.contains("\"name\": \"Our desks\""));
            assert_eq!(pods(&namespace), before, "live updates keep pods and images, and restart no container");
        }
        if overlay == "production" {
            // What only the other overlays had went when they were left.
            let others = || [left_in("flexdesk-dev"), left_in("flexdesk-staging")].concat();
            up.wait_until("the end of the other overlays' objects", others, Vec::is_empty);
        }
        assert!(up.quit().success());
        assert!(!up.text().contains(SECRET), "the Secret's value is shown");
    }
    assert_eq!(processes_in(example.path()), Vec::<String>::new());

    devloop(example.path(), &["down", "--delete-namespaces", "--", "--overlay", "production"]).code(0);
    for namespace in ["flexdesk-dev", "flexdesk-staging", "flexdesk-production", EXTERNAL] {
        assert!(!namespace_exists(namespace), "{namespace}");
    }
    let everywhere = kubectl(&["get", "configmaps,persistentvolumes", "-A", "--no-headers"]);
    assert!(!everywhere.contains("flexdesk"), "a record or volume is left:\n{everywhere}");
}
