//! What can be done to sealed objects, and what comes of it.

use std::sync::Arc;

use object_store::WriteMultipart;
use object_store::memory::InMemory;

use super::*;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OTHER: &str = "/wECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A store in memory, and the same as somebody sees it who has these keys.
fn sealed(inner: &Arc<InMemory>, keys: &str) -> SealedStore<Arc<InMemory>> {
    SealedStore::new(Arc::clone(inner), SealingKeys::parse(keys).unwrap())
}

fn bytes(size: u64) -> Vec<u8> {
    (0..size).map(|position| (position % 251) as u8 ^ (position >> 16) as u8).collect()
}

async fn read(store: &impl ObjectStore, path: &str) -> std::result::Result<Vec<u8>, String> {
    match store.get(&path.into()).await {
        Ok(object) => object.bytes().await.map(|bytes| bytes.to_vec()).map_err(|e| reason(&e)),
        Err(e) => Err(reason(&e)),
    }
}

#[tokio::test]
async fn objects_of_every_size_come_back_whole_and_in_ranges() {
    let inner = Arc::new(InMemory::new());
    let store = sealed(&inner, KEY);
    for size in [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 3 * SEGMENT, 3 * SEGMENT + 17] {
        let (path, plain) = (Path::from(format!("o{size}")), bytes(size));
        store.put(&path, plain.clone().into()).await.unwrap();
        assert_eq!(read(&store, path.as_ref()).await.unwrap(), plain, "{size}");
        let head = store.head(&path).await.unwrap();
        assert_eq!((head.size, head.location), (size, path.clone()));
        let listed: Vec<_> = store.list(Some(&path)).try_collect().await.unwrap();
        assert!(listed.iter().all(|object| object.size == size));
        for range in [0..1, 5..SEGMENT, SEGMENT - 1..SEGMENT + 1, SEGMENT..SEGMENT + 1, 7..size, size.max(1) - 1..size]
        {
            if range.start < range.end && range.end <= size {
                let part = store.get_range(&path, range.clone()).await.unwrap();
                assert_eq!(part, plain[range.start as usize..range.end as usize], "{range:?} of {size}");
            }
        }
        for (range, start) in [(GetRange::Suffix(9), size.saturating_sub(9)), (GetRange::Offset(size / 2), size / 2)] {
            if size > 0 {
                let options = GetOptions { range: Some(range), ..Default::default() };
                let part = store.get_opts(&path, options).await.unwrap().bytes().await.unwrap();
                assert_eq!(part, plain[start as usize..]);
            }
        }
        assert!(store.get_range(&path, size..size + 1).await.is_err());
    }
    let on_disk = inner.get(&"o1".into()).await.unwrap().bytes().await.unwrap();
    assert_eq!((on_disk.len(), key_id_of(&on_disk)), (49, Some(store.keys.ids()[0].clone())));
}

#[tokio::test]
async fn a_large_object_is_written_part_by_part_and_copied() {
    let inner = Arc::new(InMemory::new());
    let store = sealed(&inner, KEY);
    // A whole number of parts, and a bit more.
    for size in [256 * SEGMENT, 300 * SEGMENT + 5] {
        let plain = bytes(size);
        let mut writer = WriteMultipart::new(store.put_multipart(&"large".into()).await.unwrap());
        plain.chunks(3_000_001).for_each(|chunk| writer.write(chunk));
        writer.finish().await.unwrap();
        assert!(read(&store, "large").await.unwrap() == plain);
        store.copy(&"large".into(), &"copy".into()).await.unwrap();
        assert!(read(&store, "copy").await.unwrap() == plain);
    }
}

#[tokio::test]
async fn whatever_is_done_to_an_object_is_noticed() {
    let inner = Arc::new(InMemory::new());
    let store = sealed(&inner, KEY);
    let plain = bytes(2 * SEGMENT + 9);
    store.put(&"a".into(), plain.clone().into()).await.unwrap();
    store.put(&"b".into(), bytes(2 * SEGMENT + 9).into()).await.unwrap();
    let original = inner.get(&"a".into()).await.unwrap().bytes().await.unwrap();
    let segment = SEALED_SEGMENT as usize;
    let noticed = async |what: &str, object: Vec<u8>| {
        inner.put(&"a".into(), object.into()).await.unwrap();
        let error = read(&store, "a").await.err().unwrap_or_default();
        assert!(error.contains("a was sealed and has been altered"), "{what}: {error}");
    };
    // The object id, the first and the last byte, tags, and the headers of later segments.
    for position in [16, 31, 32, segment - 1, segment + 8, segment + 31, 2 * segment + 40, original.len() - 1] {
        let mut object = original.to_vec();
        object[position] ^= 1;
        noticed(&format!("byte {position}"), object).await;
    }
    for length in [9, 47, 48, 100, segment, segment + 1, segment + 48, 2 * segment, original.len() - 1] {
        noticed(&format!("cut to {length}"), original[..length].to_vec()).await;
    }
    noticed("one byte more", [&original[..], b"x"].concat()).await;
    let parts: Vec<&[u8]> = original.chunks(segment).collect();
    noticed("exchanged segments", [parts[1], parts[0], parts[2]].concat()).await;
    noticed("a segment left out", [parts[0], parts[2]].concat()).await;
    let other = inner.get(&"b".into()).await.unwrap().bytes().await.unwrap();
    noticed("another object", other.to_vec()).await;
    store.put(&"a".into(), plain.clone().into()).await.unwrap();
    let again = inner.get(&"a".into()).await.unwrap().bytes().await.unwrap();
    assert_ne!(again, original, "the same bytes are sealed in another way each time");
    noticed("a segment of an earlier writing", [&again[..segment], &original[segment..]].concat()).await;
    inner.put(&"a".into(), original.into()).await.unwrap();
    assert_eq!(read(&store, "a").await.unwrap(), plain);
}

#[tokio::test]
async fn keys_are_rotated_and_errors_name_them() {
    let inner = Arc::new(InMemory::new());
    let (old, new) = (sealed(&inner, KEY), sealed(&inner, OTHER));
    let both = sealed(&inner, &format!("{OTHER}\n{KEY}\n"));
    old.put(&"old".into(), "tea".into()).await.unwrap();
    both.put(&"new".into(), "milk".into()).await.unwrap();
    assert_eq!(read(&both, "old").await.unwrap(), b"tea");
    assert_eq!(read(&new, "new").await.unwrap(), b"milk");
    let error = read(&new, "old").await.unwrap_err();
    assert!(error.contains(&format!("old is sealed with key {}", old.keys.ids()[0])), "{error}");
    assert!(error.contains(&format!("opened with key {}", new.keys.ids()[0])), "{error}");
    inner.put(&"plain".into(), "no secret".into()).await.unwrap();
    let error = read(&new, "plain").await.unwrap_err();
    assert!(error.contains("plain is not sealed"), "{error}");
}

#[test]
fn what_is_no_key_is_refused_and_not_repeated() {
    for (text, complaint) in
        [("", "there is no key"), ("c2hvcnQ=", "key 1 of the store"), (&format!("{KEY},x!"), "key 2")]
    {
        let error = SealingKeys::parse(text).unwrap_err().to_string();
        assert!(error.contains(complaint) && !error.contains("c2hvcnQ="), "{error}");
    }
    assert!(!format!("{:?}", SealingKeys::parse(KEY).unwrap()).contains("AAEC"));
}
