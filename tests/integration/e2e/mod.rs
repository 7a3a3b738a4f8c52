//! Tests against a real engine and a real cluster; each is ignored unless asked for.

mod apply;
mod custom_deploy;
mod charts;
mod compose;
mod docker;
mod edits;
mod endings;
mod environment;
mod faults;
mod guards;
mod shapes;
mod restart_process;
mod session;
mod docker_custom;
mod docker_faults;
mod docker_push;
mod dashboard;
mod github_dashboard;
mod first_devfile;
mod forward;
mod pod_logs;
mod pods;
mod pods_ground;
mod soak;
mod sync;
mod yaml;
