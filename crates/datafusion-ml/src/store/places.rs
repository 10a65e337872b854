//! Places, as object stores and file systems know them.

use std::path::{Path, PathBuf};

use object_store::path::Path as ObjectPath;
use url::{Position, Url};

use super::is_s3;

/// What schemes begin with below which the runtime finds buckets that are read with the credentials of a role.
pub(crate) const ROLE_SCHEME: &str = "role-";

/// Whether the place is read with the credentials of a role: no statement names such.
pub(crate) fn is_of_role(place: &Url) -> bool {
    place.scheme().starts_with(ROLE_SCHEME)
}

/// Whether a place is the folder or in it.
pub(crate) fn is_within(place: &Url, folder: &Url) -> bool {
    if let (Some(place), Some(folder)) = (real_path(place), real_path(folder)) {
        return place.starts_with(&folder);
    }
    match (object_path(place), object_path(folder)) {
        (Some(path), Some(of_folder)) => store_of(place) == store_of(folder) && path.prefix_matches(&of_folder),
        // Whoever writes what is no path means no place elsewhere.
        _ => true,
    }
}

/// The beginning of the names of what opens the same store: a user before the host says nothing, and of S3 nothing but the bucket does.
fn store_of(url: &Url) -> String {
    match is_s3(url) || is_of_role(url) {
        true => format!("s3://{}", url.host_str().unwrap_or_default()),
        false => format!("{}://{}", url.scheme(), &url[Position::BeforeHost..Position::AfterPort]),
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
        for alias in [
            "s3a://bucket/ml/prefix/a",
            "s3://u@bucket/ml/prefix/",
            "s3://u:p@bucket:443/ml/prefix/",
            "role-0a://bucket/ml/prefix/",
        ] {
            assert!(is_within(&url(alias), &store), "{alias}");
        }
        assert!(is_within(&url("sealed://u@0a/tables/"), &url("sealed://0a/")));
        // Not a path at all.
        assert!(is_within(&url("s3://bucket/ml//prefix/catalog/"), &store));
        for outside in ["s3://bucket/ml/prefix2/", "s3://other/ml/prefix/", "gs://bucket/ml/prefix/", "s3://bucket/ml/"]
        {
            assert!(!is_within(&url(outside), &store), "{outside}");
        }
    }
}
