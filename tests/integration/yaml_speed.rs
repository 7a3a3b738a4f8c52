//! A large manifest is read at once.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use devloop::yaml::parse_documents;

#[test]
fn two_thousand_documents_take_no_time() {
    let mut text = String::new();
    for number in 0..2000 {
        write!(
            text,
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: service-{number}\n  labels: {{app: service-{number}}}\nspec:\n  replicas: 1\n  selector:\n    matchLabels:\n      app: service-{number}\n  template:\n    metadata:\n      labels:\n        app: service-{number}\n    spec:\n      containers:\n      - name: main\n        image: service-{number}:latest\n        ports:\n        - containerPort: 8080\n        env:\n        - name: MODE\n          value: development\n"
        )
        .expect("a string takes everything");
    }
    let before = processor_time();
    let parsed = parse_documents(&text, &Arc::from(Path::new("/a.yaml")));
    let took = processor_time().saturating_sub(before);
    assert_eq!((parsed.documents.len(), parsed.diagnostics.len()), (2000, 0));
    println!("{} bytes in {took:?}", text.len());
    // Without optimisation.
    assert!(took < Duration::from_secs(5), "{took:?}");
}

/// What this thread has had of the processor, so that a busy machine does not count.
fn processor_time() -> Duration {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells");
    Duration::from_nanos(statistics.split_whitespace().next().and_then(|ns| ns.parse().ok()).expect("a number"))
}
