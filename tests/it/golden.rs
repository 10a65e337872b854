//! A store written by format version 1: every later version must read it and predict the same.
//!
//! `data/artifacts/v1` was written once by the statements in its `create.sql`. It is never written again; a new format
//! gets a folder beside it.

use std::path::Path;

use crate::support::{answer, project_root, session, value};

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, target).unwrap();
        }
    }
}

#[tokio::test]
async fn models_of_format_1_predict_as_they_did() {
    let store = tempfile::tempdir().unwrap();
    copy(&project_root().join("data/artifacts/v1"), store.path());
    let session = session(store.path().to_str().unwrap()).await;
    assert_eq!(session.model_names(), ["forged", "kinds", "rings", "sexes"]);
    for (query, expected) in [
        ("SELECT sum(forged(variance, skewness, curtosis, entropy)) FROM banknote", "608"),
        ("SELECT sum(kind(variance, skewness, curtosis, entropy)) FROM banknote", "1792"),
        (
            "SELECT round(avg(forged_probabilities(variance, skewness, curtosis, entropy)['probabilities'][1]), 5) \
             FROM banknote",
            "0.93506",
        ),
        ("SELECT round(avg(rings_of(sex, length_, whole, NULL)), 4) FROM abalone", "15.8829"),
        ("SELECT count(*) FROM abalone WHERE sex_of(length_, diameter, whole) = sex", "2282"),
    ] {
        assert_eq!(value(&session, query).await, expected, "{query}");
    }
    for (query, error) in [
        (
            "SELECT explain_model('sexes')",
            "model public.sexes was created by an earlier version, which kept no explanation",
        ),
        (
            "SELECT * FROM ml_trials('rings')",
            "model public.rings was created by an earlier version, which kept no training log",
        ),
        ("SELECT sex_of_explain(1, 2, 3)", "there is no function sex_of_explain"),
    ] {
        assert!(answer(&session, query).await.contains(error), "{query}");
    }
}
