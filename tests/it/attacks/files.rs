//! Files of the store that have been tampered with: each is noticed by whoever reads it.

use std::fs;
use std::path::PathBuf;

use super::{CALL, HIDDEN, Vault, refusal, run, store};
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

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_commit_is_noticed() {
    let vault = Vault::new().await;
    let file = vault.commit(vault.last_commit() - 1);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("maker"));
    fs::write(&file, text.replace("maker", "eve")).unwrap();
    let refused = vault.opening().await;
    assert!(refused.contains("is damaged: it was not written after the commit that is before it"), "{refused}");
    fs::write(&file, text).unwrap();
    session(&store(vault.folder.path())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_commit_is_not_taken_again() {
    let vault = Vault::new().await;
    let granted = vault.last_commit();
    run(&vault.owner, "REVOKE EXECUTE ON MODEL hidden_model FROM caller").await;
    let caller = vault.user("caller").await;
    let replayed = vault.commit(vault.last_commit() + 1);
    fs::copy(vault.commit(granted), &replayed).unwrap();
    for session in [&caller, &vault.owner] {
        let refused = refusal(session, CALL).await;
        assert!(refused.contains("it was not written after the commit that is before it"), "{refused}");
    }
    assert!(vault.opening().await.contains("copied from elsewhere"));
    fs::remove_file(replayed).unwrap();
    refusal(&caller, CALL).await;
    run(&vault.owner, CALL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_artifact_of_another_model_is_noticed() {
    let vault = Vault::new().await;
    let artifacts = vault.folder.path().join("store/artifacts");
    let listed = || fs::read_dir(&artifacts).unwrap().map(|file| file.unwrap().path()).collect::<Vec<_>>();
    let hidden = listed().remove(0);
    let other = HIDDEN.replace("hidden_model", "other").replace("hidden_call", "f").replace("'3'", "'2'");
    run(&vault.owner, &other).await;
    let other = listed().into_iter().find(|file| *file != hidden).unwrap();
    let bytes = fs::read(&hidden).unwrap();
    let tampered: [&dyn Fn(); 4] = [
        &|| assert!(fs::copy(&other, &hidden).unwrap() > 0),
        &|| fs::write(&hidden, &bytes[..bytes.len() / 2]).unwrap(),
        &|| {
            fs::remove_file(&hidden).unwrap();
            std::os::unix::fs::symlink(&other, &hidden).unwrap();
        },
        &|| {
            fs::remove_file(&hidden).unwrap();
            fs::create_dir(&hidden).unwrap();
        },
    ];
    for tamper in tampered {
        tamper();
        let refused = refusal(&session(&store(vault.folder.path())).await, CALL).await;
        assert!(refused.starts_with("model public.hidden_model: its artifact"), "{refused}");
    }
    fs::remove_dir(&hidden).unwrap();
    fs::write(&hidden, bytes).unwrap();
    run(&session(&store(vault.folder.path())).await, CALL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_that_is_no_checkpoint_is_noticed() {
    let vault = Vault::new().await;
    while vault.last_commit() < 70 {
        run(&vault.owner, "GRANT EXECUTE ON MODEL hidden_model TO eve").await;
        run(&vault.owner, "REVOKE EXECUTE ON MODEL hidden_model FROM eve").await;
    }
    let checkpoint = vault.folder.path().join(format!("store/catalog/{:020}.checkpoint.jsonl", 64));
    let bytes = fs::read(&checkpoint).unwrap();
    for content in [&bytes[..bytes.len() - 10], &bytes[..bytes.len() / 2], b"", b"{}", b"null"] {
        fs::write(&checkpoint, content).unwrap();
        let refused = vault.opening().await;
        assert!(refused.contains("checkpoint.jsonl") && refused.contains("is damaged"), "{refused}");
    }
    // It follows the commits that are in it.
    fs::remove_file(&checkpoint).unwrap();
    session(&store(vault.folder.path())).await;
    fs::write(&checkpoint, &bytes).unwrap();
    fs::copy(vault.commit(1), vault.commit(65)).unwrap();
    assert!(vault.opening().await.contains("copied from elsewhere"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_in_the_place_of_a_commit_is_an_error() {
    let vault = Vault::new().await;
    let next = vault.commit(vault.last_commit() + 1);
    fs::create_dir(&next).unwrap();
    let refused = refusal(&vault.owner, "CREATE USER another").await;
    assert!(!refused.is_empty());
    fs::remove_dir(&next).unwrap();
    run(&vault.owner, "CREATE USER another").await;
}
