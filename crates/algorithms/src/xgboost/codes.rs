//! Memory for codes: pages of zeros from the system, or of a file where memory is short.

use std::io::Read;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};

use datafusion_ml_core::{Error, Result};
use memmap2::{MmapMut, MmapOptions};

use super::bins::Code;

/// A slice of codes, at first all 0, in pages of its own.
#[derive(Debug)]
pub(super) struct Codes<C> {
    pages: MmapMut,
    of: PhantomData<C>,
}

/// Where codes are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Storage {
    /// In memory.
    Memory,
    /// In a nameless file of that directory, of which the system keeps in memory what it has room for.
    File(PathBuf),
}

impl<C: Code> Codes<C> {
    /// So many codes.
    pub(super) fn new(len: usize, storage: &Storage) -> Result<Self> {
        let bytes = len * size_of::<C>();
        let pages = match storage {
            Storage::Memory => {
                let pages = MmapMut::map_anon(bytes)
                    .map_err(|e| Error::data(format!("there is no memory for {bytes} bytes of training data: {e}")))?;
                // Rows are read here and there: with small pages, finding them costs more than reading them.
                // A system that has none is slower, that is all.
                #[cfg(target_os = "linux")]
                let _ = pages.advise(memmap2::Advice::HugePage);
                pages
            }
            Storage::File(directory) => in_file(bytes, directory).map_err(|e| {
                let directory = directory.display();
                Error::storage(format!("{bytes} bytes of training data cannot be kept in a file in {directory}: {e}"))
            })?,
        };
        Ok(Self { pages, of: PhantomData })
    }
}

/// Pages of a file that goes with them.
fn in_file(bytes: usize, directory: &Path) -> std::io::Result<MmapMut> {
    let mut file = tempfile::tempfile_in(directory)?;
    // Zeros are written, since a full disk could be told of no more once the file is mapped.
    std::io::copy(&mut std::io::repeat(0).take(bytes as u64), &mut file)?;
    // SAFETY: the file has no name, so that nobody else changes or shortens it.
    unsafe { MmapOptions::new().len(bytes).map_mut(&file) }
}

impl<C: Code> Deref for Codes<C> {
    type Target = [C];

    #[inline(always)]
    fn deref(&self) -> &[C] {
        // SAFETY: pages are aligned for every code, are as long as the codes, and any bytes are codes.
        unsafe { std::slice::from_raw_parts(self.pages.as_ptr().cast(), self.pages.len() / size_of::<C>()) }
    }
}

impl<C: Code> DerefMut for Codes<C> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [C] {
        // SAFETY: as for `deref`; the pages are borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.pages.as_mut_ptr().cast(), self.pages.len() / size_of::<C>()) }
    }
}
