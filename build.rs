//! Links the binary at a fixed address on Linux with glibc, and builds the receiver that live updates carry into containers.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A program of its own, of the standard library alone.
const RECEIVER: &str = "src/cluster/sync/receiver";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={RECEIVER}");
    fixed_address();
    let out = PathBuf::from(variable("OUT_DIR"));
    let program = match receiver(&out.join("receiver")) {
        Ok((machines, platform)) => {
            let path =
                format!("/.devloop/receiver-{:016x}", digest(&std::fs::read(out.join("receiver")).expect("built")));
            format!(
                "Some(Program {{ bytes: include_bytes!(\"receiver\"), machines: {machines:?}, platform: {platform:?}, path: {path:?} }})"
            )
        }
        Err(reason) => {
            println!("cargo::warning=live updates will use the containers' own tools: {reason}");
            "None".to_owned()
        }
    };
    std::fs::write(out.join("receiver.rs"), program).expect("OUT_DIR can be written to");
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// A supervisor process of the same binary runs beside every local command. At a variable address the loader has to write
/// into 0.8 MB of constant tables in each of them, so that they cannot be shared: 250 MB with 300 commands.
fn fixed_address() {
    if variable("CARGO_CFG_TARGET_OS") == "linux" && variable("CARGO_CFG_TARGET_ENV") == "gnu" {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}

/// FNV-1a: tells one receiver from another.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

/// Builds the receiver, and tells what `uname -m` prints where it runs and the platform of images; or why it cannot be built.
fn receiver(program: &Path) -> Result<(&'static str, &'static str), String> {
    if variable("CARGO_CFG_TARGET_OS") != "linux" {
        return Err("the receiver for containers can be built on Linux only".to_owned());
    }
    let machines = match variable("CARGO_CFG_TARGET_ARCH").as_str() {
        "x86_64" => ("x86_64|amd64", "linux/amd64"),
        "aarch64" => ("aarch64|arm64", "linux/arm64"),
        other => return Err(format!("the receiver for containers is not made for {other}")),
    };
    let mut rustc = Command::new(variable("RUSTC"));
    rustc.args([
        "--edition=2024",
        "--crate-name=devloop_receiver",
        "--crate-type=bin",
        "--target",
        &variable("TARGET"),
    ]);
    for option in [
        "target-feature=+crt-static",
        "relocation-model=static",
        "opt-level=s",
        "panic=abort",
        "lto=fat",
        "codegen-units=1",
        "strip=symbols",
    ] {
        rustc.args(["-C", option]);
    }
    // Warnings are those of the module in the crate.
    rustc.args(["--cap-lints=allow", "-o"]).arg(program).arg(format!("{RECEIVER}/main.rs"));
    let output = rustc.output().map_err(|error| format!("the compiler does not start: {error}"))?;
    if output.status.success() {
        return Ok(machines);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("the compiler failed");
    Err(format!("the receiver for containers cannot be linked statically ({line}); a static C library is needed"))
}
