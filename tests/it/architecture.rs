//! The invariants of the crates, read from the manifests and the sources.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::project_root;

/// The direct dependencies of one of our packages, development ones aside.
fn dependencies(package: &str) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(project_root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|found| found["name"] == package).unwrap();
    let dependencies = package["dependencies"].as_array().unwrap().iter();
    dependencies.filter(|d| d["kind"].is_null()).map(|d| d["name"].as_str().unwrap().to_owned()).collect()
}

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((path.clone(), std::fs::read_to_string(path).unwrap()));
        }
    }
    found
}

#[test]
fn core_knows_neither_engine_nor_store_nor_runtime() {
    let allowed = ["arrow", "arrow-ipc", "serde", "serde_json"];
    assert!(dependencies("datafusion-ml-core").iter().all(|name| allowed.contains(&name.as_str())));
}

#[test]
fn algorithms_depend_on_core_only() {
    let ours: Vec<String> =
        dependencies("datafusion-ml-algorithms").into_iter().filter(|name| name.contains("datafusion")).collect();
    assert_eq!(ours, ["datafusion-ml-core"]);
    let foreign = ["tokio", "object_store", "async-trait", "futures"];
    assert!(dependencies("datafusion-ml-algorithms").iter().all(|name| !foreign.contains(&name.as_str())));
}

#[test]
fn the_search_depends_on_core_only() {
    let ours: Vec<String> =
        dependencies("datafusion-ml-auto").into_iter().filter(|name| name.contains("datafusion")).collect();
    assert_eq!(ours, ["datafusion-ml-core"]);
}

#[test]
fn the_dialect_knows_no_model() {
    let ours = dependencies("datafusion-ml-redshift");
    assert!(!ours.iter().any(|name| name.starts_with("datafusion-ml")));
}

#[test]
fn the_extension_knows_no_algorithm() {
    assert!(!dependencies("datafusion-ml").contains(&"datafusion-ml-algorithms".to_owned()));
}

#[test]
fn only_catalog_and_store_call_an_object_store() {
    for (path, text) in sources(&project_root().join("crates/datafusion-ml/src")) {
        let inside = path.to_string_lossy().replace('\\', "/");
        let may = ["/catalog/", "/store.rs", "/store/", "/aws.rs", "/aws/"].iter().any(|room| inside.contains(room));
        assert!(may || !text.contains("object_store::"), "{inside} uses object_store");
    }
}

#[test]
fn only_the_parser_sees_tokens() {
    for (path, text) in sources(&project_root().join("crates/datafusion-ml/src")) {
        let inside = path.to_string_lossy().replace('\\', "/");
        let may = inside.contains("/sql/parser");
        assert!(may || !(text.contains("Token::") || text.contains("next_token")), "{inside} looks at tokens");
    }
}

#[test]
fn every_file_says_what_it_is_and_none_is_too_long() {
    for folder in ["crates", "tests"] {
        for (path, text) in sources(&project_root().join(folder)) {
            let inside = path.display();
            assert!(text.starts_with("//!"), "{inside} does not begin with //!");
            assert!(text.lines().count() <= 600, "{inside} has more than 600 lines");
        }
    }
}
