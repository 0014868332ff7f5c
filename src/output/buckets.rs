//! Memberships on their way from their segmentations to their accounts: set aside in buckets of neighbouring accounts, in
//! memory while they are few, in a file of the spill directory beyond that.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;

use datafusion::error::Result;

/// Memberships of a bucket, if every account is in every segmentation once: they are in memory together when their turn
/// comes, 24 bytes each.
const BUCKET_ENTRIES: usize = 256 << 10;

/// Accounts of a bucket: below it the file has too many small parts, above it there is nothing to win.
const BUCKET_ACCOUNTS: Range<usize> = 64..8192;

/// Memberships in memory, 24 bytes each; nights of a few thousand accounts write no file.
const MEMORY_ENTRIES: usize = 256 << 10;

/// A membership of an account.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Entry {
    /// Number of the label.
    pub(super) label: u32,
    /// The row's score.
    pub(super) score: Option<f64>,
}

/// All memberships.
#[derive(Debug)]
pub(super) struct Buckets {
    /// Of each but the last.
    pub(super) accounts: usize,
    /// By bucket; the account's number within it.
    open: Vec<Vec<(u16, Entry)>>,
    entries: usize,
    file: Option<File>,
    /// By bucket, the parts of the file that are its: where they begin, and how many entries they have.
    written: Vec<Vec<(u64, usize)>>,
}

impl Buckets {
    /// For so many accounts, and about as many memberships of each.
    pub(super) fn new(accounts: usize, memberships: usize) -> Self {
        let of_each = BUCKET_ENTRIES / memberships.max(1);
        let of_each = of_each.clamp(BUCKET_ACCOUNTS.start, BUCKET_ACCOUNTS.end);
        let buckets = accounts.div_ceil(of_each);
        let (open, written) = (vec![Vec::new(); buckets], vec![Vec::new(); buckets]);
        Self { accounts: of_each, open, entries: 0, file: None, written }
    }

    /// Adds a membership; those of one account come in the order in which they are wanted back.
    ///
    /// # Errors
    /// A spill directory without room.
    pub(super) fn push(&mut self, account: usize, entry: Entry) -> Result<()> {
        #[expect(clippy::cast_possible_truncation, reason = "a bucket has at most 2^13 accounts")]
        let within = (account % self.accounts) as u16;
        self.open[account / self.accounts].push((within, entry));
        self.entries += 1;
        if self.entries >= MEMORY_ENTRIES {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<()> {
        let file = match self.file.take() {
            Some(file) => file,
            None => tempfile::tempfile()?,
        };
        let mut file = BufWriter::new(file);
        let mut at = file.seek(SeekFrom::End(0))?;
        for (open, written) in self.open.iter_mut().zip(&mut self.written) {
            if open.is_empty() {
                continue;
            }
            written.push((at, open.len()));
            for (account, entry) in open.drain(..) {
                let bytes = encode(account, entry);
                file.write_all(&bytes)?;
                at += bytes.len() as u64;
            }
        }
        self.entries = 0;
        self.file = Some(file.into_inner().map_err(std::io::IntoInnerError::into_error)?);
        Ok(())
    }

    /// The memberships of a bucket's accounts, by account.
    ///
    /// # Errors
    /// A file that is gone.
    pub(super) fn take(&mut self, bucket: usize) -> Result<Bucket> {
        let written = std::mem::take(&mut self.written[bucket]);
        let entries: usize = written.iter().map(|(_, entries)| entries).sum();
        let mut found = Vec::with_capacity(entries + self.open[bucket].len());
        for (at, entries) in written {
            if let Some(file) = &mut self.file {
                let mut bytes = vec![0; entries * ENTRY_BYTES];
                file.seek(SeekFrom::Start(at))?;
                file.read_exact(&mut bytes)?;
                found.extend(bytes.as_chunks().0.iter().map(decode));
            }
        }
        found.append(&mut self.open[bucket]);
        let mut starts = vec![0; self.accounts + 1];
        for (account, _) in &found {
            starts[usize::from(*account) + 1] += 1;
        }
        let mut start = 0;
        for count in &mut starts {
            start += *count;
            *count = start;
        }
        let (mut next, mut entries) = (starts.clone(), vec![Entry::default(); found.len()]);
        for (account, entry) in found {
            let at = &mut next[usize::from(account)];
            entries[*at] = entry;
            *at += 1;
        }
        Ok(Bucket { starts, entries })
    }
}

/// The memberships of neighbouring accounts.
#[derive(Debug)]
pub(super) struct Bucket {
    /// Account `i` has those from `starts[i]` to `starts[i + 1]`.
    starts: Vec<usize>,
    entries: Vec<Entry>,
}

impl Bucket {
    /// Those of some accounts.
    pub(super) fn of(&self, accounts: Range<usize>) -> impl ExactSizeIterator<Item = &Entry> {
        self.entries[self.starts[accounts.start]..self.starts[accounts.end]].iter()
    }

    /// How many accounts from `start` on have no more than `most` memberships together; one at least.
    pub(super) fn accounts_with(&self, start: usize, most: usize) -> usize {
        let limit = self.starts[start] + most;
        let end = self.starts.partition_point(|entries| *entries <= limit);
        (end - 1 - start).max(1)
    }
}

/// Bytes of a membership in the file.
const ENTRY_BYTES: usize = 15;

fn encode(account: u16, entry: Entry) -> [u8; ENTRY_BYTES] {
    let mut bytes = [0; ENTRY_BYTES];
    bytes[..2].copy_from_slice(&account.to_le_bytes());
    bytes[2..6].copy_from_slice(&entry.label.to_le_bytes());
    bytes[6] = u8::from(entry.score.is_some());
    bytes[7..].copy_from_slice(&entry.score.unwrap_or_default().to_le_bytes());
    bytes
}

fn decode(bytes: &[u8; ENTRY_BYTES]) -> (u16, Entry) {
    let [a0, a1, l0, l1, l2, l3, known, score @ ..] = *bytes;
    let entry = Entry {
        label: u32::from_le_bytes([l0, l1, l2, l3]),
        score: (known == 1).then(|| f64::from_le_bytes(score)),
    };
    (u16::from_le_bytes([a0, a1]), entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_account_gets_its_own_back_in_their_order_from_memory_and_from_the_file() {
        let (accounts, segmentations) = (1000, u32::try_from(MEMORY_ENTRIES / 500).unwrap());
        let entry = |account: usize, segmentation: u32| Entry {
            label: u32::try_from(account).unwrap() ^ segmentation,
            score: segmentation.is_multiple_of(2).then(|| f64::from(segmentation) / 3.0),
        };
        let mut buckets = Buckets::new(accounts, MEMORY_ENTRIES / 500);
        let of_each = buckets.accounts;
        for segmentation in 0..segmentations {
            for account in (0..accounts).filter(|account| !account.is_multiple_of(3)) {
                buckets.push(account, entry(account, segmentation)).unwrap();
            }
        }
        assert!(buckets.file.is_some() && buckets.entries > 0, "one of the two was not tried");
        for bucket in 0..accounts.div_ceil(of_each) {
            let bucket_of = buckets.take(bucket).unwrap();
            for within in 0..of_each {
                let account = bucket * of_each + within;
                let known = if account < accounts && !account.is_multiple_of(3) {
                    segmentations
                } else {
                    0
                };
                let expected: Vec<_> = (0..known).map(|nth| entry(account, nth)).collect();
                let found: Vec<_> = bucket_of.of(within..within + 1).copied().collect();
                assert_eq!(found, expected, "{account}");
            }
        }
    }

    #[test]
    fn accounts_are_taken_together_as_long_as_their_memberships_are_few() {
        let mut buckets = Buckets::new(4, 2);
        for (account, memberships) in [(0, 2), (1, 1), (2, 5), (3, 1)] {
            for label in 0..memberships {
                let entry = Entry { label, score: None };
                buckets.push(account, entry).unwrap();
            }
        }
        let bucket = buckets.take(0).unwrap();
        let taken = |start| bucket.accounts_with(start, 3);
        assert_eq!([taken(0), taken(2)], [2, 1]);
        let rest = buckets.accounts - 3;
        assert_eq!(bucket.accounts_with(3, 3), rest, "the rest of the bucket is empty");
    }
}
