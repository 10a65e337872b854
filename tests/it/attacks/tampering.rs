//! Files of the store that have been tampered with: each is noticed by whoever reads it.

use std::fs;
use std::path::{Path, PathBuf};

use super::{CALL, HIDDEN, Vault, refusal, run, store, tricks};
use crate::support::{builder, session};

impl Vault {
    /// The file of a commit.
    fn commit(&self, version: usize) -> PathBuf {
        self.folder.path().join(format!("store/catalog/{version:020}.json"))
    }

    fn last_commit(&self) -> usize {
        (1..).find(|version| !self.commit(*version).exists()).unwrap() - 1
    }

    /// The error of opening the store anew.
    async fn opening(&self) -> String {
        let opened = builder(&store(self.folder.path()), 2).await.build().await;
        datafusion_ml::find_error(&opened.unwrap_err()).unwrap().to_string()
    }
}

/// Noticed until it is undone. `text` is that of the last commit but one.
async fn is_no_commit(tamper: impl Fn(&str) -> String) {
    let vault = Vault::new().await;
    let file = vault.commit(vault.last_commit() - 1);
    let text = fs::read_to_string(&file).unwrap();
    assert_ne!(tamper(&text), text);
    fs::write(&file, tamper(&text)).unwrap();
    let refused = vault.opening().await;
    assert!(refused.contains("is damaged"), "{refused}");
    fs::write(&file, text).unwrap();
    session(&store(vault.folder.path())).await;
}

tricks! { is_no_commit;
    a_commit_with_another_name_in_it => |text: &str| text.replace("hidden", "mine");
    a_commit_with_a_blank_more => |text: &str| format!("{text} ");
    a_commit_cut_off => |text: &str| text[..text.len() / 2].to_owned();
    a_commit_of_nothing => |_: &str| String::new();
    a_commit_that_does_nothing => |_: &str| "{}".to_owned();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_gone() {
    let vault = Vault::new().await;
    let file = vault.commit(vault.last_commit() - 1);
    fs::remove_file(file).unwrap();
    // The one behind it must not be taken for its follower.
    if let Ok(session) = builder(&store(vault.folder.path()), 2).await.build().await {
        refusal(&session, CALL).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_commits_in_each_others_place() {
    let vault = Vault::new().await;
    let (one, other) = (vault.commit(vault.last_commit() - 2), vault.commit(vault.last_commit() - 1));
    let (of_one, of_other) = (fs::read(&one).unwrap(), fs::read(&other).unwrap());
    fs::write(&one, of_other).unwrap();
    fs::write(&other, of_one).unwrap();
    assert!(vault.opening().await.contains("is damaged"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_commit_replayed() {
    let vault = Vault::new().await;
    run(&vault.owner, "GRANT EXECUTE ON MODEL hidden_model TO eve").await;
    let granted = vault.last_commit();
    run(&vault.owner, "REVOKE EXECUTE ON MODEL hidden_model FROM eve").await;
    let eve = vault.eve().await;
    let replayed = vault.commit(vault.last_commit() + 1);
    fs::copy(vault.commit(granted), &replayed).unwrap();
    for session in [&eve, &vault.owner] {
        let refused = refusal(session, CALL).await;
        assert!(refused.contains("it was not written after the commit that is before it"), "{refused}");
    }
    assert!(vault.opening().await.contains("copied from elsewhere"));
    fs::remove_file(replayed).unwrap();
    refusal(&eve, CALL).await;
    run(&vault.owner, CALL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_of_another_store() {
    let (vault, other) = (Vault::new().await, Vault::new().await);
    run(&vault.owner, "CREATE USER otto").await;
    run(&other.owner, "CREATE USER otto CREATEUSER").await;
    run(&other.owner, "GRANT EXECUTE ON MODEL hidden_model TO eve").await;
    fs::copy(other.commit(other.last_commit()), vault.commit(vault.last_commit() + 1)).unwrap();
    assert!(vault.opening().await.contains("copied from elsewhere"));
    refusal(&vault.owner, CALL).await;
}

/// Of the artifact at the first path something is made, perhaps by that of another model.
async fn is_no_artifact(tamper: impl Fn(&Path, &Path)) {
    let vault = Vault::new().await;
    let artifacts = vault.folder.path().join("store/artifacts");
    let listed = || fs::read_dir(&artifacts).unwrap().map(|file| file.unwrap().path()).collect::<Vec<_>>();
    let hidden = listed().remove(0);
    let other = HIDDEN.replace("hidden_model", "other").replace("hidden_call", "f").replace("'3'", "'2'");
    run(&vault.owner, &other).await;
    let other = listed().into_iter().find(|file| *file != hidden).unwrap();
    tamper(&hidden, &other);
    let refused = refusal(&session(&store(vault.folder.path())).await, CALL).await;
    assert!(refused.starts_with("model public.hidden_model: its artifact"), "{refused}");
}

tricks! { is_no_artifact;
    the_artifact_of_another_model => |hidden: &Path, other: &Path| assert!(fs::copy(other, hidden).unwrap() > 0);
    an_artifact_cut_off => |hidden: &Path, _: &Path| {
        let bytes = fs::read(hidden).unwrap();
        fs::write(hidden, &bytes[..bytes.len() / 2]).unwrap();
    };
    an_artifact_with_a_bit_turned => |hidden: &Path, _: &Path| {
        let mut bytes = fs::read(hidden).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(hidden, bytes).unwrap();
    };
    an_artifact_of_nothing => |hidden: &Path, _: &Path| fs::write(hidden, "").unwrap();
    a_link_to_another_artifact => |hidden: &Path, other: &Path| {
        fs::remove_file(hidden).unwrap();
        std::os::unix::fs::symlink(other, hidden).unwrap();
    };
    a_folder_in_the_place_of_an_artifact => |hidden: &Path, _: &Path| {
        fs::remove_file(hidden).unwrap();
        fs::create_dir(hidden).unwrap();
    };
    an_artifact_that_is_gone => |hidden: &Path, _: &Path| fs::remove_file(hidden).unwrap();
}

/// A vault with so many commits that there is a checkpoint, and where that lies.
async fn vault_with_checkpoint() -> (Vault, PathBuf) {
    let vault = Vault::new().await;
    while vault.last_commit() < 70 {
        run(&vault.owner, "GRANT EXECUTE ON MODEL hidden_model TO eve").await;
        run(&vault.owner, "REVOKE EXECUTE ON MODEL hidden_model FROM eve").await;
    }
    let checkpoint = vault.folder.path().join(format!("store/catalog/{:020}.checkpoint.jsonl", 64));
    (vault, checkpoint)
}

async fn is_no_checkpoint(tamper: impl Fn(Vec<u8>) -> Vec<u8>) {
    let (vault, checkpoint) = vault_with_checkpoint().await;
    fs::write(&checkpoint, tamper(fs::read(&checkpoint).unwrap())).unwrap();
    let refused = vault.opening().await;
    assert!(refused.contains("checkpoint.jsonl") && refused.contains("is damaged"), "{refused}");
    // It follows the commits that are in it.
    fs::remove_file(&checkpoint).unwrap();
    session(&store(vault.folder.path())).await;
}

tricks! { is_no_checkpoint;
    a_checkpoint_without_its_end => |bytes: Vec<u8>| bytes[..bytes.len() - 10].to_vec();
    a_checkpoint_cut_off => |bytes: Vec<u8>| bytes[..bytes.len() / 2].to_vec();
    a_checkpoint_of_nothing => |_: Vec<u8>| Vec::new();
    a_checkpoint_of_an_empty_object => |_: Vec<u8>| b"{}".to_vec();
    a_checkpoint_of_null => |_: Vec<u8>| b"null".to_vec();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_commit_behind_a_checkpoint() {
    let (vault, _) = vault_with_checkpoint().await;
    fs::copy(vault.commit(1), vault.commit(65)).unwrap();
    assert!(vault.opening().await.contains("copied from elsewhere"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_in_the_place_of_the_next_commit() {
    let vault = Vault::new().await;
    let next = vault.commit(vault.last_commit() + 1);
    fs::create_dir(&next).unwrap();
    refusal(&vault.owner, "CREATE USER another").await;
    fs::remove_dir(&next).unwrap();
    run(&vault.owner, "CREATE USER another").await;
}
