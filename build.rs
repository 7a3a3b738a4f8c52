//! Links the binary at a fixed address on Linux with glibc.
//!
//! A supervisor process of the same binary runs beside every local command. At a variable address the loader has to write
//! into 0.8 MB of constant tables in each of them, so that they cannot be shared: 250 MB with 300 commands.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|it| it == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
