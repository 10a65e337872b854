//! Places, as object stores and file systems know them.

use std::path::{Path, PathBuf};

use object_store::path::Path as ObjectPath;
use url::{Position, Url};

/// Whether a place is the folder or in it.
pub(crate) fn is_within(place: &Url, folder: &Url) -> bool {
    if let (Some(place), Some(folder)) = (real_path(place), real_path(folder)) {
        return place.starts_with(&folder);
    }
    match (object_path(place), object_path(folder)) {
        (Some(path), Some(of_folder)) => {
            place[..Position::BeforePath] == folder[..Position::BeforePath] && path.prefix_matches(&of_folder)
        }
        // Whoever writes what is no path means no place elsewhere.
        _ => true,
    }
}

/// The path as an object store reads it: `%70` is a `p`.
fn object_path(url: &Url) -> Option<ObjectPath> {
    ObjectPath::from_url_path(url.path()).ok()
}

/// The path of a local file without `..` and links, as far as it is there; `None` for other places.
fn real_path(url: &Url) -> Option<PathBuf> {
    let path = (url.scheme() == "file").then(|| url.to_file_path().ok()).flatten()?;
    let there = path.ancestors().find_map(|ancestor| Some((ancestor, ancestor.canonicalize().ok()?)));
    let (ancestor, real) = there?;
    Some(real.join(path.strip_prefix(ancestor).unwrap_or(Path::new(""))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_known_however_it_is_written() {
        let url = |text: &str| Url::parse(text).unwrap();
        let store = url("s3://bucket/ml/prefix/");
        for inside in ["s3://bucket/ml/prefix", "s3://bucket/ml/%70refix/catalog/", "S3://bucket/ml/x/../prefix/a.json"]
        {
            assert!(is_within(&url(inside), &store), "{inside}");
        }
        // Not a path at all.
        assert!(is_within(&url("s3://bucket/ml//prefix/catalog/"), &store));
        for outside in ["s3://bucket/ml/prefix2/", "s3://other/ml/prefix/", "gs://bucket/ml/prefix/", "s3://bucket/ml/"]
        {
            assert!(!is_within(&url(outside), &store), "{outside}");
        }
    }
}
